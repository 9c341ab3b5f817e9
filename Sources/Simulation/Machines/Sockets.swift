import Glibc

/// IPv4 TCP sockets, without waiting.
enum Sockets {
    static func address(_ text: String, port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        return address
    }

    static func tcp() -> Int32 {
        socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    static func listen(address text: String, port: UInt16) throws -> Int32 {
        let descriptor = tcp()
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard call(bind, descriptor, address(text, port: port)) == 0, Glibc.listen(descriptor, 512) == 0 else {
            let failure = NetworkNamespace.Failure(description: "cannot listen on \(text):\(port): \(String(cString: strerror(errno)))")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// Starts connecting; the descriptor becomes writable when the outcome is known.
    static func connect(address text: String, port: UInt16) -> Int32? {
        let descriptor = tcp()
        guard call(Glibc.connect, descriptor, address(text, port: port)) == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// A port that is free on 127.0.0.1 now. None of those that the kernel gives to outgoing connections: one of them may have it when
    /// the simulator is killed and comes up again.
    static func freePort() throws -> UInt16 {
        var tries = 0
        while true {
            let port = UInt16.random(in: 20000..<32000)
            do {
                close(try listen(address: "127.0.0.1", port: port))
                return port
            } catch {
                tries += 1
                if tries == 100 { throw error }
            }
        }
    }

    private static func call(
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, _ address: sockaddr_in
    ) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}

extension Sockets {
    /// Whether something there sends a first byte within a second, as sshd does.
    static func answers(address: String, port: UInt16) -> Bool {
        guard let descriptor = connect(address: address, port: port) else { return false }
        defer { close(descriptor) }
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 1000) > 0 else { return false }
        var byte: UInt8 = 0
        return read(descriptor, &byte, 1) == 1
    }
}
