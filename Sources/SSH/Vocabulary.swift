/// Where a session goes. `host` is a name or an address; `hostKeyAlias` another name under which known_hosts may list its key.
package struct SSHTarget: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var user: String
    package var hostKeyAlias: String?

    package init(host: String, port: Int = 22, user: String, hostKeyAlias: String? = nil) {
        self.host = host
        self.port = port
        self.user = user
        self.hostKeyAlias = hostKeyAlias
    }

    package var description: String { "\(user)@\(host):\(port)" }

    /// The name to list its key under.
    var nameInKnownHosts: String { hostKeyAlias ?? KnownHosts.name(host, port) }
}

/// What a remote command left behind. `exitStatus` is absent when a signal ended it; `truncated` says that output beyond the limit was dropped, and
/// then standard output may end anywhere.
package struct ExecResult: Sendable {
    package var stdout: [UInt8]
    package var stderr: [UInt8]
    package var exitStatus: Int32?
    package var signal: String?
    package var truncated: Bool
    /// The end of standard output, also of one that was cut short.
    var lastWords: [UInt8] = []

    package init(stdout: [UInt8] = [], stderr: [UInt8] = [], exitStatus: Int32? = nil, signal: String? = nil, truncated: Bool = false) {
        self.stdout = stdout
        self.stderr = stderr
        self.exitStatus = exitStatus
        self.signal = signal
        self.truncated = truncated
    }
}
