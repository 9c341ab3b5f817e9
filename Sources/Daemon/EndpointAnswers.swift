import FoundationEssentials
import HTTPServer
import Live

extension HTTPRequest {
    /// Why it is not answered; nil when its sender may ask. exe.dev's proxy writes these headers itself (facts/exedev.md §7, doc:proxy);
    /// a VM cannot reach another one's ports, so behind the proxy nobody else can.
    func refusal(allowedUsers: Set<String>) -> HTTPResponse? {
        if allowedUsers.isEmpty { return isForThisMachine ? nil : .plain(403, "this listener answers for this machine only") }
        guard let user = headers["x-exedev-userid"], !user.isEmpty else {
            return .plain(401, "exe.dev's proxy has not said who asks", ["WWW-Authenticate": "exe.dev"])
        }
        return allowedUsers.contains(user) ? nil : .plain(403, "this user may not ask here")
    }

    /// Not from a page in somebody's browser whose name was made to resolve to 127.0.0.1.
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
            return isAlive(uptime: uptime) ? .plain(200, "ok") : .plain(503, "the loop has given no sign of life for a while")
        case .readyz: return unreadiness.map { .plain(503, $0) } ?? .plain(200, "ok")
        // Without lastResult there is nothing to show of the nodes: who asks had better read itself.
        case .status: return .make(lastResult == nil ? 503 : 200, "application/json", document.prettyJSON + "\n")
        }
    }

    private enum Page: String, CaseIterable {
        case metrics = "/metrics"
        case healthz = "/healthz"
        case readyz = "/readyz"
        case status = "/status"

        static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
    }
}
