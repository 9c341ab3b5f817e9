import Glibc

/// Where the endpoint listens beside its Unix socket, and who may ask there. There is none that lets strangers in.
package struct ListenAddress: Sendable {
    /// Of an IPv4 or IPv6 address, four or sixteen; never a name, which could be resolved to somewhere else tomorrow.
    let bytes: [UInt8]
    let port: UInt16
    /// exe.dev user ids, one of which a request must name. Empty when whoever is on this machine may ask.
    let allowedUsers: Set<String>

    /// Why a text is no such address.
    package struct Unusable: Error, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// `127.0.0.1:9477`, `[::1]:9477`, `localhost:9477`, or with allowed users any address of this machine.
    package init(_ text: String, allowedUsers: [String]) throws(Unusable) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw Unusable(description: "\(text) is no ADDRESS:PORT")
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        guard isBracketed == host.contains(":") else {
            throw Unusable(description: "\(text): an IPv6 address, and only that, stands in brackets: [::1]:9477")
        }
        try self.init(host: host == "localhost" ? "127.0.0.1" : host.filter { !"[]".contains($0) }, port: port, allowedUsers: allowedUsers)
    }

    /// Port 0 is any that is free.
    init(host: String, port: UInt16, allowedUsers: [String]) throws(Unusable) {
        guard let bytes = Self.bytes(of: host) else { throw Unusable(description: "\(host) is no IP address") }
        (self.bytes, self.port, self.allowedUsers) = (bytes, port, Set(allowedUsers))
        guard allowedUsers.allSatisfy({ !$0.isEmpty }) else { throw Unusable(description: "an allowed user has no id") }
        let isLoopback = bytes.count == 4 ? bytes[0] == 127 : bytes.last == 1 && bytes.dropLast().allSatisfy { $0 == 0 }
        guard isLoopback || !allowedUsers.isEmpty else {
            throw Unusable(description: "\(host) can be reached from elsewhere: say with --allow-user who may ask, or listen on 127.0.0.1")
        }
    }

    private static func bytes(of host: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let isIPv6 = host.contains(":")
        guard inet_pton(isIPv6 ? AF_INET6 : AF_INET, host, &bytes) == 1 else { return nil }
        return isIPv6 ? bytes : Array(bytes.prefix(4))
    }
}
