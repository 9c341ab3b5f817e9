import Glibc

/// The port of the endpoint, and the users that may access it. A port that other machines reach requires allowed users.
package struct ListenAddress: Sendable {
    /// The four or sixteen bytes of an IP address. Names are not accepted: they can resolve to another address later.
    let bytes: [UInt8]
    let port: UInt16
    /// exe.dev user ids. Empty: every process on this machine is allowed.
    let allowedUsers: Set<String>

    /// Why a text is no usable address.
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

    /// Port 0: the kernel chooses.
    init(host: String, port: UInt16, allowedUsers: [String]) throws(Unusable) {
        guard let bytes = Self.bytes(of: host) else { throw Unusable(description: "\(host) is no IP address") }
        (self.bytes, self.port, self.allowedUsers) = (bytes, port, Set(allowedUsers))
        guard allowedUsers.allSatisfy({ !$0.isEmpty }) else { throw Unusable(description: "an allowed user has no id") }
        let isLoopback = bytes.count == 4 ? bytes[0] == 127 : bytes.last == 1 && bytes.dropLast().allSatisfy { $0 == 0 }
        guard isLoopback || !allowedUsers.isEmpty else {
            throw Unusable(description: "\(host) can be reached by other machines: pass --allow-user, or listen on 127.0.0.1")
        }
    }

    private static func bytes(of host: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let isIPv6 = host.contains(":")
        guard inet_pton(isIPv6 ? AF_INET6 : AF_INET, host, &bytes) == 1 else { return nil }
        return isIPv6 ? bytes : Array(bytes.prefix(4))
    }
}
