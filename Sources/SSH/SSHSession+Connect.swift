import CLibssh2
import Glibc

/// Connecting: the socket, the key exchange, the proof of the host and the login.
extension SSHSession {
    /// `address`: where to connect to; not needed where `access` has its own way.
    func connect(_ access: SSHAccess, to address: Address?, deadline: UInt64) async throws(SSHError) {
        do throws(SSHError) {
            try await open(access, address, deadline)
            try await handshake(access, address, deadline)
            try await logIn(access.keys, deadline)
        } catch {
            let said = close()
            // What the program that carries the stream said is the cause of its end.
            guard case .disconnected(let target, let reason, let sent) = error, !said.isEmpty else { throw error }
            throw .disconnected(target: target, reason: "\(reason): \(said)", commandSent: sent)
        }
    }

    private func open(_ access: SSHAccess, _ address: Address?, _ deadline: UInt64) async throws(SSHError) {
        if let open = access.way {
            let way = try open()
            (descriptor, self.way) = (way.descriptor, way)
        } else if let address {
            try await dial(address, deadline)
        }
    }

    private func dial(_ address: Address, _ deadline: UInt64) async throws(SSHError) {
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .notConnected(target: "\(target)", reason: String(cString: strerror(errno))) }
        setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // The kernel detects a peer that vanished; libssh2's keepalive only writes.
        setOption(Int32(IPPROTO_TCP), Int32(TCP_USER_TIMEOUT), 60_000)
        setOption(SOL_SOCKET, SO_KEEPALIVE, 1)
        setOption(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30)
        var code = address.connect(descriptor) == 0 || errno == EINPROGRESS ? 0 : errno
        try begun(code)
        guard await loop.ready(descriptor, forWriting: true, deadline: deadline, on: self) else {
            throw .timedOut(target: "\(target)", during: "connecting")
        }
        var length = socklen_t(4)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        try begun(code)
    }

    /// `code`: of errno. A connection that is reset was accepted first, perhaps before `connect` returned: somebody is there, without an sshd yet.
    private func begun(_ code: Int32) throws(SSHError) {
        guard code != ECONNRESET, code != ECONNABORTED else { throw silence }
        guard code == 0 else { throw .notConnected(target: "\(target)", reason: String(cString: strerror(code))) }
    }

    private func handshake(_ access: SSHAccess, _ address: Address?, _ deadline: UInt64) async throws(SSHError) {
        session = libssh2_session_init_ex(nil, nil, nil, nil)
        guard let session else { throw .notConnected(target: "\(target)", reason: "libssh2 has no memory") }
        libssh2_session_set_blocking(session, 0)
        let ours = Algorithms(keyTypes: access.hostKeys.keyTypes(target))
        ours.apply(to: session)
        let code = try await untilDone(deadline, during: "key exchange") { libssh2_session_handshake(session, descriptor) }
        guard code == 0 else {
            let reason = lastError
            if code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_METHOD_NONE {
                throw .noCommonAlgorithm(target: "\(target)", missing: await missing(ours, access, address, deadline), reason: reason)
            }
            // libssh2 says "Failed getting banner", or sending it, of a host whose sshd is not up yet.
            guard libssh2_session_banner_get(session) != nil else { throw silence }
            throw .disconnected(target: "\(target)", reason: reason, commandSent: false)
        }
        try prove(access.hostKeys, session)
    }

    /// A connection that was accepted and ended, by a close or by a reset, before the host said who it is.
    private var silence: SSHError {
        .disconnected(target: "\(target)", reason: "nothing speaks SSH there yet", commandSent: false)
    }

    /// Before authentication: a host with a wrong key learns nothing about us.
    private func prove(_ rule: HostKeyRule, _ session: OpaquePointer) throws(SSHError) {
        var length = 0
        var type: Int32 = 0
        guard let pointer = libssh2_session_hostkey(session, &length, &type) else {
            throw .disconnected(target: "\(target)", reason: "it showed no host key", commandSent: false)
        }
        let key = Array(UnsafeRawBufferPointer(start: pointer, count: length))
        let shown = fingerprint(key)
        switch rule.verdict(target, key: key) {
        case .match: return
        case .mismatch(let expected):
            throw .hostKeyMismatch(target: "\(target)", shown: "\(shown) (\(UserKey.kind(of: key) ?? "unknown"))", expected: expected)
        case .revoked: throw .hostKeyRevoked(target: "\(target)", shown: shown)
        case .unknown:
            throw .hostKeyUnknown(target: "\(target)", shown: shown, line: KnownHosts.line(name: target.nameInKnownHosts, key: key))
        }
    }

    private func logIn(_ ring: KeyRing, _ deadline: UInt64) async throws(SSHError) {
        var offered: [String] = []
        for key in ring.keys {
            offered.append(key.words)
            let offer = KeyOffer(key)
            let code = try await make(offer, deadline)
            if code == 0 { return }
            // Without an answer to the offer: the host ends the connection after a number of refused keys.
            if code == LIBSSH2_ERROR_AUTHENTICATION_FAILED || (code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED && offer.wasSigned) { continue }
            guard offered.count > 1 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: false) }
            break
        }
        throw .authenticationRefused(target: "\(target)", user: target.user, offered: offered, unused: ring.unused)
    }

    private func make(_ offer: KeyOffer, _ deadline: UInt64) async throws(SSHError) -> Int32 {
        guard let session else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: false) }
        // Only libssh2 reads it, and only during the call below.
        nonisolated(unsafe) let context = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 1)
        context.initialize(to: Unmanaged.passUnretained(offer).toOpaque())
        defer { context.deallocate() }
        return try await untilDone(deadline, during: "login") {
            libssh2_userauth_publickey(session, target.user, offer.key.blob, offer.key.blob.count, signWithKey, context)
        }
    }

    /// What a host offers that refused all algorithms of ours; it is asked once more, as libssh2 does not tell.
    private func missing(_ ours: Algorithms, _ access: SSHAccess, _ address: Address?, _ deadline: UInt64) async -> [MissingAlgorithm] {
        _ = close()
        do throws(SSHError) {
            try await open(access, address, deadline)
        } catch {
            return []
        }
        let greeting = Array("SSH-2.0-exedev_k8s\r\n".utf8)
        guard send(descriptor, greeting, greeting.count, Int32(MSG_NOSIGNAL)) == greeting.count else { return [] }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < 1 << 16, await loop.ready(descriptor, forWriting: false, deadline: deadline, on: self) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return [] }
            answer += buffer[..<count]
            if let offer = AlgorithmOffer(answer) { return ours.missing(in: offer) }
        }
        return []
    }
}

/// One key of a login. `wasSigned`: the host accepts the key, and the other half was asked for a signature.
private final class KeyOffer {
    let key: UserKey
    var wasSigned = false

    init(_ key: UserKey) { self.key = key }
}

/// Signs for libssh2, which frees the signature with `free`; so `malloc` allocates it.
private func signWithKey(
    _: OpaquePointer?, _ signature: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, _ length: UnsafeMutablePointer<Int>?,
    _ data: UnsafePointer<UInt8>?, _ count: Int, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
    guard let pointer = context?.pointee else { return -1 }
    let offer = Unmanaged<KeyOffer>.fromOpaque(pointer).takeUnretainedValue()
    offer.wasSigned = true
    guard let bytes = offer.key.sign(UnsafeBufferPointer(start: data, count: count)), let copy = malloc(bytes.count) else { return -1 }
    copy.copyMemory(from: bytes, byteCount: bytes.count)
    signature?.pointee = copy.assumingMemoryBound(to: UInt8.self)
    length?.pointee = bytes.count
    return 0
}
