package struct HTTPReply: Sendable, Hashable {
    package var status: Int
    /// Names in lower case.
    package var headers: [String: String]
    /// Those that follow the body; of two that differ, both.
    package var trailers: [String: String] = [:]
    package var body: [UInt8]
    /// The body is shorter than announced, or longer than the limit.
    package var isTruncated: Bool

    package init(status: Int, headers: [String: String], body: [UInt8], isTruncated: Bool) {
        (self.status, self.headers, self.body, self.isTruncated) = (status, headers, body, isTruncated)
    }
}

package struct TransportFailure: Error, Sendable, Hashable {
    package var reason: String
    /// Bytes may have reached the server.
    package var wasSent: Bool

    package init(reason: String, wasSent: Bool) {
        (self.reason, self.wasSent) = (reason, wasSent)
    }
}

/// Sends one body to `/exec` and returns the response. Knows no command.
package protocol ExeDevTransport: Sendable {
    /// For messages; nil when it sends no token.
    var credential: Credential? { get }
    func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply
    /// The same, but sends nothing if `gate` returns false right before sending.
    func post(_ body: [UInt8], deadline: Duration, gate: @escaping Gate) async throws(TransportFailure) -> HTTPReply
    /// Sends one body whose response comes over hours. A response of status 200 goes to `take` as it comes, with its headers; false ends it in
    /// order. Other responses are returned whole. Fails after `silence` without a byte. The reply of a stream has no body, but its trailers.
    func stream(
        _ body: [UInt8], silence: Duration, gate: @escaping Gate,
        take: @escaping @Sendable (_ bytes: [UInt8], _ headers: [String: String]) -> Bool
    ) async throws(TransportFailure) -> HTTPReply
    /// A text of exe.dev without our secrets.
    func redacted(_ text: String) -> String
}

/// Whether a request that has waited may still be sent.
package typealias Gate = @Sendable () -> Bool

extension TransportFailure {
    static let shut = TransportFailure(reason: "its time was over before its turn came", wasSent: false)
}

extension ExeDevTransport {
    package var credential: Credential? { nil }

    package func redacted(_ text: String) -> String { text }

    package func stream(
        _ body: [UInt8], silence: Duration, gate: @escaping Gate, take: @escaping @Sendable ([UInt8], [String: String]) -> Bool
    ) async throws(TransportFailure) -> HTTPReply {
        throw TransportFailure(reason: "exe.dev sends streams over HTTPS alone", wasSent: false)
    }

    /// For transports without a queue.
    package func post(_ body: [UInt8], deadline: Duration, gate: @escaping Gate) async throws(TransportFailure) -> HTTPReply {
        guard gate() else { throw .shut }
        return try await post(body, deadline: deadline)
    }
}
