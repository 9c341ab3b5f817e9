import Glibc

/// Uses the keys of a running ssh-agent (draft-miller-ssh-agent): one short exchange per signature over its Unix socket.
package enum SSHAgent {
    private enum Message {
        static let requestIdentities: UInt8 = 11
        static let identities: UInt8 = 12
        static let signRequest: UInt8 = 13
        static let signResponse: UInt8 = 14
        /// Flag of a request: sign with SHA-256, not SHA-1.
        static let rsaSHA256: [UInt8] = [0, 0, 0, 2]
    }

    /// The keys in the agent's order, and the kinds of those that we do not use.
    package static func keys(socket path: String) throws(KeyError) -> (usable: [UserKey], others: [String]) {
        guard let answer = ask(path, [Message.requestIdentities]), answer.first == Message.identities else {
            throw KeyError(description: "the ssh-agent at \(path) does not answer")
        }
        return keys(in: answer, socket: path)
    }

    /// The keys of an answer to `requestIdentities`.
    static func keys(in answer: [UInt8], socket path: String) -> (usable: [UserKey], others: [String]) {
        var reader = WireReader(answer.dropFirst())
        var (keys, others): ([UserKey], [String]) = ([], [])
        for _ in 0..<(reader.number() ?? 0) {
            guard let original = reader.string(), reader.string() != nil else { break }
            let kind = UserKey.kind(of: original) ?? "unknown"
            let flags = kind == "ssh-rsa" ? Message.rsaSHA256 : [0, 0, 0, 0]
            let key = UserKey(original: original, source: "ssh-agent") { sign(Array($0), with: original, flags: flags, path) }
            if let key { keys.append(key) } else { others.append(kind) }
        }
        return (keys, others)
    }

    private static func sign(_ data: [UInt8], with key: [UInt8], flags: [UInt8], _ path: String) -> [UInt8]? {
        ask(path, [Message.signRequest] + wire(key) + wire(data) + flags).flatMap(signature)
    }

    static func signature(in answer: [UInt8]) -> [UInt8]? {
        guard answer.first == Message.signResponse else { return nil }
        var outer = WireReader(answer.dropFirst())
        guard let signature = outer.string() else { return nil }
        var inner = WireReader(signature[...])
        return inner.string() == nil ? nil : inner.string()
    }

    /// Blocks the caller, which is the loop's thread when a login signs: five seconds at most, so an agent that asks a person for
    /// leave is of no use to an unattended program.
    private static func ask(_ path: String, _ request: [UInt8]) -> [UInt8]? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let end = monotonicNanoseconds() + 5_000_000_000
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        let bytes = wire(request)
        guard connected == 0, send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count,
            let header = receive(4, from: descriptor, until: end)
        else { return nil }
        var reader = WireReader(header[...])
        guard let length = reader.number(), length > 0, length < 1 << 18 else { return nil }
        return receive(length, from: descriptor, until: end)
    }

    /// The deadline holds for the whole answer, not for each byte.
    private static func receive(_ count: Int, from descriptor: Int32, until end: UInt64) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let now = monotonicNanoseconds()
            guard now < end else { return nil }
            var timeout = timeval(tv_sec: Int((end - now) / 1_000_000_000), tv_usec: Int((end - now) % 1_000_000_000 / 1000) + 1)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
            let got = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + filled, count - filled, 0) }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }
}
