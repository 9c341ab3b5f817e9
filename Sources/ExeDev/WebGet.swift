import CLibcurl

/// `GET` of a page for its status alone: TLS is verified, redirects are not followed, nothing of the body is kept, and no connection stays open.
package struct WebGet: Sendable {
    private let detour: Detour

    /// `EXE_DEV_PROXY` and `EXE_DEV_PROXY_CA` of the environment name another proxy of VMs than exe.dev's.
    package init(environment: [String: String]) {
        detour = Detour(peer: environment["EXE_DEV_PROXY"], authorities: environment["EXE_DEV_PROXY_CA"])
    }

    /// `url`: an https one. `headerLines`: `Name: value`.
    package func status(of url: String, headerLines: [String], deadline: Duration) async throws(TransportFailure) -> Int {
        guard url.hasPrefix("https://"), url.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw TransportFailure(reason: "\(Lane.peer(of: url)) is asked over https alone", wasSent: false)
        }
        let lane = Lane("VM proxy", peer: Lane.peer(of: url), detour: detour)
        let exchange = Exchange(body: [], headerLines: headerLines, deadline: deadline, cap: 0, method: .get)
        return try await lane.send(exchange, to: url).status
    }
}

/// Another way to a server than by its name, and who vouches for it.
/// Unchecked: the list is made once and read only.
final class Detour: @unchecked Sendable {
    private var ways: UnsafeMutablePointer<curl_slist>?
    private let authorities: String?

    /// `peer`: host and port in place of those of every URL. `authorities`: a file of certificates in place of the system's.
    init(peer: String?, authorities: String?) {
        self.authorities = authorities
        if let peer, !peer.isEmpty { ways = curl_slist_append(nil, "::" + peer) }
    }

    deinit { curl_slist_free_all(ways) }

    func set(on handle: UnsafeMutableRawPointer) {
        if let ways { _ = exedev_curl_set_list(handle, CURLOPT_CONNECT_TO, ways) }
        if let authorities, !authorities.isEmpty { _ = exedev_curl_set_string(handle, CURLOPT_CAINFO, authorities) }
    }
}
