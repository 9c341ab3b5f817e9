package struct HTTPReply: Sendable, Hashable {
    package var status: Int
    /// Names in lower case.
    package var headers: [String: String]
    package var body: [UInt8]
    /// Fewer bytes came than were announced, or more than we take.
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

/// Carries one body to `/exec` and its answer back. Knows no command.
package protocol ExeDevTransport: Sendable {
    func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply
    /// The same, unless `gate` is shut when its turn has come.
    func post(_ body: [UInt8], deadline: Duration, gate: @escaping Gate) async throws(TransportFailure) -> HTTPReply
}

/// Whether something that has waited for its turn may still leave.
package typealias Gate = @Sendable () -> Bool

extension TransportFailure {
    static let shut = TransportFailure(reason: "its time was over before its turn came", wasSent: false)
}

extension ExeDevTransport {
    /// For transports that let nothing wait.
    package func post(_ body: [UInt8], deadline: Duration, gate: @escaping Gate) async throws(TransportFailure) -> HTTPReply {
        guard gate() else { throw .shut }
        return try await post(body, deadline: deadline)
    }
}
