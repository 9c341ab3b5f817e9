import FoundationEssentials
import Shell
import Synchronization

/// `POST /exec` by libcurl: TLS is always verified, connections stay open, responses are bounded.
/// libcurl's easy interface blocks, so it runs on a few serial queues of its own and never on Swift's cooperative threads.
package final class CurlTransport: ExeDevTransport {
    private static let laneCount = 4
    private let endpoint: String
    private let token: ExeDevToken
    private let redaction: Redaction
    private let lanes: [Lane]
    private let next = Atomic<Int>(0)

    /// `EXE_DEV_ENDPOINT` of the environment overrides `https://exe.dev/exec`.
    /// `hiding`: another token that an answer must not take any further.
    package convenience init(token: ExeDevToken, hiding other: ExeDevToken? = nil, environment: [String: String]) throws(EndpointError) {
        try self.init(token: token, hiding: other, endpoint: environment["EXE_DEV_ENDPOINT"] ?? "https://exe.dev/exec")
    }

    package init(token: ExeDevToken, hiding other: ExeDevToken? = nil, endpoint: String) throws(EndpointError) {
        self.endpoint = try Self.checked(endpoint)
        self.token = token
        redaction = Redaction(token.secrets + (other?.secrets ?? []))
        let peer = Lane.peer(of: self.endpoint)
        lanes = (0..<Self.laneCount).map { Lane("exe.dev \($0)", peer: peer) }
    }

    package var credential: Credential? { token.credential(now: Date().timeIntervalSince1970) }

    static func checked(_ endpoint: String) throws(EndpointError) -> String {
        let scheme = try SafeURL.check(endpoint, name: "EXE_DEV_ENDPOINT", cargo: "token")
        return endpoint.dropFirst(scheme.utf8.count).contains("/") ? endpoint : endpoint + "/exec"
    }

    package func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        try await post(body, deadline: deadline, gate: { true })
    }

    package func post(_ body: [UInt8], deadline: Duration, gate: @escaping Gate) async throws(TransportFailure) -> HTTPReply {
        let lane = lanes[next.add(1, ordering: .relaxed).newValue & (Self.laneCount - 1)]
        return try await send(Exchange(body: body, headerLines: headers, deadline: deadline, cap: 8 << 20, gate: gate), on: lane)
    }

    package func stream(
        _ body: [UInt8], silence: Duration, gate: @escaping Gate, take: @escaping @Sendable ([UInt8], [String: String]) -> Bool
    ) async throws(TransportFailure) -> HTTPReply {
        let flow = Flow(silence: silence, take: take)
        // Zero is none.
        let exchange = Exchange(body: body, headerLines: headers, deadline: .zero, cap: 8 << 20, gate: gate, flow: flow)
        // On a lane of its own, for it may take hours.
        return try await send(exchange, on: Lane("exe.dev stream", peer: Lane.peer(of: endpoint)))
    }

    package func redacted(_ text: String) -> String { redaction.text(Array(text.utf8)) }

    private var headers: [String] {
        ["Authorization: Bearer " + token.text, "Content-Type: text/plain", "Accept: application/json, application/x-ndjson"]
    }

    private func send(_ exchange: Exchange, on lane: Lane) async throws(TransportFailure) -> HTTPReply {
        var reply = try await lane.send(exchange, to: endpoint)
        // An answer that repeats the token must not take it any further.
        reply.body = redaction.apply(to: reply.body)
        return reply
    }
}
