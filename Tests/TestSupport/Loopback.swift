import Glibc

/// A listening socket on a free port of 127.0.0.1, for a server of a test.
package enum Loopback {
    /// A system call did not work.
    package struct CannotListen: Error { package var code: Int32 }

    package static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let size = length
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) | Glibc.listen(descriptor, 8) | getsockname(descriptor, $0, &length)
            }
        }
        guard code == 0 else { throw CannotListen(code: errno) }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
