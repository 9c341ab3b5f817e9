/// `POST` to one address that is not exe.dev's, by the same libcurl under the same rules: TLS verified, no redirect followed, nothing sent
/// twice by itself. One request at a time.
package final class WebPost: Sendable {
    private let url: String
    private let lane: Lane

    /// `name` is the setting that holds `url`, for the error; the URL may be a secret and is never told.
    package init(url: String, name: String) throws(EndpointError) {
        _ = try SafeURL.check(url, name: name, cargo: "message")
        self.url = url
        lane = Lane(name)
    }

    /// `headerLines`: `Name: value`. Of the answer's body at most 64 KiB are taken.
    package func post(_ body: [UInt8], headerLines: [String], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        try await lane.send(Exchange(body: body, headerLines: headerLines, deadline: deadline, cap: 64 << 10), to: url)
    }
}
