import Glibc
import Live

/// Listening sockets for the endpoint. A function that throws leaves no file and no descriptor.
enum ListeningSocket {
    /// Replaces a socket whose process is gone, but not one that answers, nor another file. The socket is created under another name and
    /// renamed, so that no other user can connect before its mode is set.
    static func unix(_ path: String) throws(StateError) -> Int32 {
        try claim(path)
        let new = path + ".new"
        unlink(new)
        let descriptor = try made(AF_UNIX, "the socket \(path)")
        guard UnixSocket.call(new, { bind(descriptor, $0, $1) }) == 0, chmod(new, 0o600) == 0, listen(descriptor, 64) == 0,
            rename(new, path) == 0
        else {
            let error = StateError.cannotListen(on: path)
            close(descriptor)
            unlink(new)
            throw error
        }
        return descriptor
    }

    private static func claim(_ path: String) throws(StateError) {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return }
        guard facts.st_mode & S_IFMT == S_IFSOCK || facts.st_mode & S_IFMT == S_IFLNK else {
            throw StateError("\(path) is in the endpoint's way and is no socket", advice: "move it away")
        }
        if let probe = UnixSocket.connect(path) { close(probe) } else if errno == ECONNREFUSED || errno == ENOENT { return }
        throw StateError(
            "another process listens on \(path)",
            advice: "stop that daemon (systemctl stop exedev-k8s), or give each its own runtime directory")
    }

    static func tcp(_ address: ListenAddress) throws(StateError) -> Int32 {
        let isIPv6 = address.bytes.count == 16
        let descriptor = try made(isIPv6 ? AF_INET6 : AF_INET, "port \(address.port)")
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        if isIPv6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, size) }
        guard (isIPv6 ? bindIPv6(descriptor, address) : bindIPv4(descriptor, address)) == 0, listen(descriptor, 64) == 0 else {
            let error = StateError.cannotListen(on: "port \(address.port)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func made(_ family: Int32, _ name: String) throws(StateError) -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .cannotListen(on: name) }
        return descriptor
    }

    private static func bindIPv4(_ descriptor: Int32, _ address: ListenAddress) -> Int32 {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = address.port.bigEndian
        withUnsafeMutableBytes(of: &place.sin_addr) { $0.copyBytes(from: address.bytes) }
        return withUnsafePointer(to: place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    private static func bindIPv6(_ descriptor: Int32, _ address: ListenAddress) -> Int32 {
        var place = sockaddr_in6()
        place.sin6_family = sa_family_t(AF_INET6)
        place.sin6_port = address.port.bigEndian
        withUnsafeMutableBytes(of: &place.sin6_addr) { $0.copyBytes(from: address.bytes) }
        return withUnsafePointer(to: place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
        }
    }

    /// The port that the kernel chose.
    static func port(of descriptor: Int32) -> UInt16 {
        var place = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: place.sin_port)
    }
}

extension StateError {
    fileprivate static func cannotListen(on place: String) -> StateError {
        StateError("the endpoint cannot listen on \(place): \(String(cString: strerror(errno)))", advice: nil)
    }
}

/// Addresses of Unix sockets.
enum UnixSocket {
    /// Calls `body` with the address of `path`. A path that is too long is reached through a descriptor of its directory.
    static func call(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        let room = MemoryLayout.size(ofValue: address.sun_path)
        var name = path
        var folder: Int32 = -1
        if name.utf8.count >= room, let slash = path.lastIndex(of: "/") {
            folder = open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard folder >= 0 else { return -1 }
            name = "/proc/self/fd/\(folder)" + path[slash...]
        }
        defer { if folder >= 0 { close(folder) } }
        guard name.utf8.count < room else {
            errno = ENAMETOOLONG
            return -1
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
        return withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// A non-blocking connection; nil, with `errno` set, when it fails.
    static func connect(_ path: String) -> Int32? {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return nil }
        guard call(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            errno = code
            return nil
        }
        return descriptor
    }
}
