import Glibc

/// Sends one message to a Unix datagram socket, such as those of systemd and the journal.
package enum Datagram {
    /// Zero, or the errno of the failure.
    package static func send(_ bytes: [UInt8], to path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A name that begins with @ is abstract: its first byte is zero.
        var name = Array(path.utf8.prefix(MemoryLayout.size(ofValue: address.sun_path) - 1))
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                while true {
                    if sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, size) >= 0 { return 0 }
                    if errno != EINTR { return errno }
                }
            }
        }
    }
}
