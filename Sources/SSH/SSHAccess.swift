/// How a host is entered: what is offered at the login, how the host proves itself, and the way to it.
package struct SSHAccess: Sendable {
    package var keys: KeyRing
    package var hostKeys: HostKeyRule
    /// Opens the way to the host's port; nil: over TCP.
    package var way: (@Sendable () throws(SSHError) -> SSHWay)?

    package init(keys: KeyRing, hostKeys: HostKeyRule, way: (@Sendable () throws(SSHError) -> SSHWay)? = nil) {
        (self.keys, self.hostKeys, self.way) = (keys, hostKeys, way)
    }
}

/// A byte stream to a host that another program carries.
package struct SSHWay: Sendable {
    /// Our end of a socket pair, non-blocking; closed by the session.
    package var descriptor: Int32
    /// Ends the program. Returns its last words on standard error, if any.
    package var end: @Sendable () -> String

    package init(descriptor: Int32, end: @escaping @Sendable () -> String) { (self.descriptor, self.end) = (descriptor, end) }
}
