import FoundationEssentials
import HTTPServer
import Live
import Shell

extension HTTPRequest {
    /// The refusal, or nil when the sender is allowed. exe.dev's proxy sets these headers itself (facts/exedev.md §7, doc:proxy), and
    /// no VM reaches the ports of another one.
    func refusal(allowedUsers: Set<String>) -> HTTPResponse? {
        if allowedUsers.isEmpty { return isForThisMachine ? nil : .plain(403, "this listener answers for this machine only") }
        guard let user = headers["x-exedev-userid"], !user.isEmpty else {
            if isOfBrowser { return toLogin }
            return .plain(401, "the request has no user id of exe.dev's proxy", ["WWW-Authenticate": "exe.dev"])
        }
        // So that an operator learns the id to allow.
        return allowedUsers.contains(user) ? nil : .plain(403, "user \(OutsideText.line(user)) is not allowed")
    }

    /// Prevents DNS rebinding: a web page whose name resolves to 127.0.0.1 sends another Host.
    private var isForThisMachine: Bool {
        guard let host = headers["host"]?.lowercased() else { return true }
        let end = host.hasPrefix("[") ? host.firstIndex(of: "]").map { host.index(after: $0) } : host.firstIndex(of: ":")
        let (name, rest) = (host[..<(end ?? host.endIndex)], host[(end ?? host.endIndex)...])
        guard rest.isEmpty || rest.hasPrefix(":") else { return false }
        return ["localhost", "[::1]"].contains(name) || name.hasPrefix("127.") && name.allSatisfy { $0.isNumber || $0 == "." }
    }
}

extension HTTPResponse {
    static func plain(_ status: Int, _ text: String, _ headers: [String: String] = [:]) -> HTTPResponse {
        make(status, "text/plain; charset=utf-8", text + "\n", headers)
    }

    static func make(_ status: Int, _ type: String, _ text: String, _ headers: [String: String] = [:]) -> HTTPResponse {
        let fixed = ["Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"]
        return HTTPResponse(status: status, headers: headers.merging(fixed) { first, _ in first }, body: Data(text.utf8))
    }
}

extension FleetStatus {
    func answer(_ request: HTTPRequest, uptime: Double, version: String) -> HTTPResponse {
        guard let page = Page(rawValue: request.path) else { return .plain(404, "there is \(Page.list)") }
        guard request.method == "GET" || request.method == "HEAD" else {
            return .plain(405, "only GET and HEAD", ["Allow": "GET, HEAD"])
        }
        switch page {
        case .metrics: return .make(200, OpenMetrics.contentType, metrics(version: version, uptime: uptime))
        case .healthz:
            return isAlive(uptime: uptime) ? .plain(200, "ok") : .plain(503, "the loop has not run for 30 s or more")
        case .readyz: return unreadiness.map { .plain(503, $0) } ?? .plain(200, "ok")
        // Without a result there are no nodes to show: the client should observe the fleet itself.
        case .home: return document.page(for: ProxyLogin(request))
        case .whoami: return .make(200, "application/json", LoginDocument(ProxyLogin(request)).prettyJSON + "\n")
        case .status: return .make(lastResult == nil ? 503 : 200, "application/json", document.prettyJSON + "\n")
        }
    }

    private enum Page: String, CaseIterable {
        case home = "/"
        case whoami = "/whoami"
        case metrics = "/metrics"
        case healthz = "/healthz"
        case readyz = "/readyz"
        case status = "/status"

        static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
    }
}
