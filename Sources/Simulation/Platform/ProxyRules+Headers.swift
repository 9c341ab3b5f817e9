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

    /// As a header's name has to be (RFC 9110, 5.6.2).
    private static func isToken(_ name: String) -> Bool { name.wholeMatch(of: /[a-z0-9!#$%&'*+.^_`|~-]+/) != nil }

    /// The headers of a request as the VM gets them; `Host` stays.
    static func forwarded(_ headers: [String: String], to host: ProxyHost, for visitor: Visitor?, from peer: String) -> [String: String] {
        let named = Set((headers["connection"] ?? "").lowercased().split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        var kept = headers.filter { name, _ in isToken(name) && !dropped.contains(name) && !named.contains(name) && !isOurs(name) }
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
        let path = value(of: "redirect", query) ?? "/"
        // Browsers read // and /\ as the begin of another host, and skip control characters.
        let isPath = path.hasPrefix("/") && !["//", "/\\"].contains(path.prefix(2)) && path.utf8.allSatisfy { $0 > 31 && $0 != 127 }
        return "https://\(host.text)" + (isPath ? encoded(path, plain: "/-._~?&=%:@!$'()*+,;") : "/")
    }

    /// Who logs in: the owner, or whom the query names with `as`. Nil when that is no address.
    static func newcomer(query: String?, owner: Visitor) -> Visitor? {
        guard let email = value(of: "as", query)?.lowercased(), email != owner.email else { return owner }
        guard email.wholeMatch(of: /[a-z0-9._+-]+@[a-z0-9.-]+/) != nil else { return nil }
        return Visitor(userID: Platform.Owner.userID(of: email), email: email, isOwner: false)
    }

    /// The token of the share link that a request came by.
    static func link(query: String?) -> String? { value(of: "share", query) }

    private static func value(of name: String, _ query: String?) -> String? {
        let pair = (query ?? "").split(separator: "&").first { $0.hasPrefix(name + "=") }
        return pair.flatMap { $0.dropFirst(name.count + 1).replacing("+", with: " ").removingPercentEncoding }
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
