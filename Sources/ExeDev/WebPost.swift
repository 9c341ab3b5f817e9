/// `POST` to another URL than exe.dev's, under the same rules: TLS is verified, redirects are not followed, nothing is repeated. One
/// request at a time.
package final class WebPost: Sendable {
    private let url: String
    private let lane: Lane

    /// `name` is the setting that holds `url`. Errors show it instead of the URL, which may be a secret.
    package init(url: String, name: String) throws(EndpointError) {
        _ = try SafeURL.check(url, name: name, cargo: "message")
        self.url = url
        lane = Lane(name, peer: "it")
    }

    /// `headerLines`: `Name: value`. At most 64 KiB of the response's body are kept.
    package func post(_ body: [UInt8], headerLines: [String], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        try await lane.send(Exchange(body: body, headerLines: headerLines, deadline: deadline, cap: 64 << 10), to: url)
    }
}
