/// URLs to which a secret may be sent: https, or plain http to this machine.
enum SafeURL {
    /// The scheme with its `://`. `name` is the setting, `cargo` what would be sent unencrypted. Errors leave out the URL: it may be secret.
    static func check(_ url: String, name: String, cargo: String) throws(EndpointError) -> String {
        // A combining accent behind a `/` or an `@` hides it from Swift's characters, and libcurl parses bytes.
        guard url.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw EndpointError(description: "\(name) must be plain ASCII without blanks")
        }
        if url.hasPrefix("https://") { return "https://" }
        guard url.hasPrefix("http://") else { throw EndpointError(description: "\(name) is no http(s) URL") }
        let authority = url.dropFirst(7).prefix { $0 != "/" }
        // `127.0.0.1:x@elsewhere` names the host `elsewhere`.
        guard !authority.contains("@"), !authority.contains("\\") else {
            throw EndpointError(description: "\(name) must not hold a user or password")
        }
        let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" }.dropFirst() : authority.prefix { $0 != ":" }
        guard host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }) else {
            throw EndpointError(description: "\(name) would send the \(cargo) unencrypted to another machine; use https")
        }
        return "http://"
    }
}

/// Why a URL is refused.
package struct EndpointError: Error, Sendable, CustomStringConvertible {
    package var description: String
}
