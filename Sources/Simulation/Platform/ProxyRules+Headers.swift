import Foundation

/// What the proxy takes off a request, what it puts on it, and where it sends a browser.
extension ProxyRules {
    static let login = "/__exe.dev/login"
    static let logout = "/__exe.dev/logout"
    /// The proxy's own; a VM never sees it.
    static let cookie = "exe-proxy-session"

    /// Of one connection only (RFC 9110, 7.6.1), or made anew.
    private static let dropped: Set<String> = [
        "connection", "content-length", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

    /// What the proxy says of itself. A `_` counts as a `-`: many servers make both the same.
    private static func isOurs(_ name: String) -> Bool {
        let name = name.replacing("_", with: "-")
        return name.hasPrefix("x-exedev-") || ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-for"].contains(name)
    }

    /// The headers of a request as the VM gets them; `Host` stays.
    static func forwarded(_ headers: [String: String], to host: ProxyHost, for visitor: Visitor?, from peer: String) -> [String: String] {
        let named = Set((headers["connection"] ?? "").lowercased().split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        var kept = headers.filter { name, _ in !dropped.contains(name) && !named.contains(name) && !isOurs(name) }
        kept["cookie"] = kept["cookie"].flatMap { text in
            let others = cookies(text).filter { !$0.hasPrefix(cookie + "=") }
            return others.isEmpty ? nil : others.joined(separator: "; ")
        }
        (kept["x-forwarded-proto"], kept["x-forwarded-host"], kept["x-forwarded-for"]) = ("https", host.text, peer)
        (kept["x-exedev-userid"], kept["x-exedev-email"]) = (visitor?.userID, visitor?.email)
        kept["x-exedev-token-ctx"] = visitor?.context
        return kept
    }

    /// The headers of an answer that go on to the client.
    static func isReturned(_ name: String) -> Bool { !dropped.contains(name.lowercased()) && name.lowercased() != "date" }

    static func session(in headers: [String: String]) -> String? {
        let ours = cookies(headers["cookie"] ?? "").first { $0.hasPrefix(cookie + "=") }
        return ours.map { String($0.dropFirst(cookie.count + 1)) }
    }

    private static func cookies(_ text: String) -> [String] {
        text.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    // MARK: login

    /// The page that logs in and leads back to `path`.
    static func loginURL(_ host: ProxyHost, back path: String) -> String {
        "https://\(host.text)\(login)?redirect=" + encoded(path, plain: "/-._~")
    }

    /// Where to after a login: a path of the same VM, whatever the query of the login page says.
    static func afterLogin(_ host: ProxyHost, query: String?) -> String {
        let pair = (query ?? "").split(separator: "&").first { $0.hasPrefix("redirect=") }
        let path = pair.flatMap { $0.dropFirst(9).replacing("+", with: " ").removingPercentEncoding } ?? "/"
        // Browsers read // and /\ as the begin of another host, and skip control characters.
        let isPath = path.hasPrefix("/") && !["//", "/\\"].contains(path.prefix(2)) && path.utf8.allSatisfy { $0 > 31 && $0 != 127 }
        return "https://\(host.text)" + (isPath ? encoded(path, plain: "/-._~?&=%:@!$'()*+,;") : "/")
    }

    private static func encoded(_ text: String, plain: String) -> String {
        text.utf8.map { byte in
            let scalar = UnicodeScalar(byte)
            let isPlain =
                byte < 128 && (scalar.properties.isAlphabetic || (48...57).contains(byte) || plain.unicodeScalars.contains(scalar))
            return isPlain ? String(scalar) : String(format: "%%%02X", byte)
        }.joined()
    }
}
