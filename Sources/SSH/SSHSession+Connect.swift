import CLibssh2
import Glibc

/// Connecting: the socket, the key exchange, the proof of the host and the login.
extension SSHSession {
    func connect(_ address: Address, keys: [UserKey], rule: HostKeyRule, deadline: UInt64) async throws(SSHError) {
        do throws(SSHError) {
            try await dial(address, deadline)
            try await handshake(rule, deadline)
            try await logIn(keys, deadline)
        } catch {
            close()
            throw error
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
        guard address.connect(descriptor) == 0 || errno == EINPROGRESS else {
            throw .notConnected(target: "\(target)", reason: String(cString: strerror(errno)))
        }
        guard await loop.ready(descriptor, forWriting: true, deadline: deadline, on: self) else {
            throw .timedOut(target: "\(target)", during: "connecting")
        }
        var code: Int32 = 0
        var length = socklen_t(4)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else { throw .notConnected(target: "\(target)", reason: String(cString: strerror(code))) }
    }

    private func handshake(_ rule: HostKeyRule, _ deadline: UInt64) async throws(SSHError) {
        session = libssh2_session_init_ex(nil, nil, nil, nil)
        guard let session else { throw .notConnected(target: "\(target)", reason: "libssh2 has no memory") }
        libssh2_session_set_blocking(session, 0)
        Preferences.apply(to: session, keyTypes: knownKeyTypes(rule))
        let code = try await untilDone(deadline, during: "key exchange") { libssh2_session_handshake(session, descriptor) }
        guard code == 0 else {
            let reason = lastError
            if code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_METHOD_NONE {
                throw .noCommonAlgorithm(target: "\(target)", reason: reason)
            }
            // libssh2 says "Failed getting banner" of a host whose sshd is not up yet.
            let isDumb = libssh2_session_banner_get(session) == nil
            throw .disconnected(target: "\(target)", reason: isDumb ? "nothing speaks SSH there yet" : reason, commandSent: false)
        }
        try prove(rule, session)
    }

    private var proofName: String { target.hostKeyAlias ?? target.host }

    private func knownKeyTypes(_ rule: HostKeyRule) -> [String] {
        switch rule {
        case .fingerprints: []
        case .knownHosts(let known): known.keyTypes(host: proofName, port: target.port)
        case .trustOnFirstUse(let trusted): trusted.keyTypes(host: proofName, port: target.port)
        }
    }

    /// Before authentication: a host with a wrong key learns nothing about us.
    private func prove(_ rule: HostKeyRule, _ session: OpaquePointer) throws(SSHError) {
        var length = 0
        var type: Int32 = 0
        guard let pointer = libssh2_session_hostkey(session, &length, &type) else {
            throw .hostKeyUnknown(target: "\(target)", shown: "none")
        }
        let key = Array(UnsafeRawBufferPointer(start: pointer, count: length))
        let shown = fingerprint(key)
        let verdict: KnownHosts.Verdict
        switch rule {
        case .fingerprints(let allowed):
            verdict = allowed.contains(shown) ? .match : .mismatch(expected: allowed.joined(separator: " or "))
        case .knownHosts(let known):
            verdict = known.verdict(host: proofName, port: target.port, key: key)
        case .trustOnFirstUse(let trusted):
            verdict = trusted.verdict(host: proofName, port: target.port, key: key)
        }
        switch verdict {
        case .match: return
        case .mismatch(let expected): throw .hostKeyMismatch(target: "\(target)", shown: shown, expected: expected)
        case .revoked: throw .hostKeyRevoked(target: "\(target)", shown: shown)
        case .unknown: throw .hostKeyUnknown(target: "\(target)", shown: shown)
        }
    }

    private func logIn(_ keys: [UserKey], _ deadline: UInt64) async throws(SSHError) {
        guard let session else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: false) }
        for key in keys {
            // Only libssh2 reads it, and only during the calls below.
            nonisolated(unsafe) let context = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 1)
            context.initialize(to: Unmanaged.passUnretained(key).toOpaque())
            defer { context.deallocate() }
            let code = try await untilDone(deadline, during: "login") {
                libssh2_userauth_publickey(session, target.user, key.blob, key.blob.count, signWithKey, context)
            }
            if code == 0 { return }
            guard code == LIBSSH2_ERROR_AUTHENTICATION_FAILED || code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED else {
                throw .disconnected(target: "\(target)", reason: lastError, commandSent: false)
            }
        }
        throw .authenticationRefused(target: "\(target)", user: target.user, keys: keys.map(\.publicFingerprint))
    }
}

/// Signs for libssh2, which frees the signature with `free`; so `malloc` allocates it.
private func signWithKey(
    _: OpaquePointer?, _ signature: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, _ length: UnsafeMutablePointer<Int>?,
    _ data: UnsafePointer<UInt8>?, _ count: Int, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
    guard let pointer = context?.pointee else { return -1 }
    let key = Unmanaged<UserKey>.fromOpaque(pointer).takeUnretainedValue()
    guard let bytes = key.sign(UnsafeBufferPointer(start: data, count: count)), let copy = malloc(bytes.count) else { return -1 }
    copy.copyMemory(from: bytes, byteCount: bytes.count)
    signature?.pointee = copy.assumingMemoryBound(to: UInt8.self)
    length?.pointee = bytes.count
    return 0
}

/// What we offer in the key exchange: by default libssh2 1.10 offers group1, arcfour and DSS too (facts/ssh.md §4).
private enum Preferences {
    static let hostKeys = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]

    static func apply(to session: OpaquePointer, keyTypes: [String]) {
        // Ask for a key type that is on record: another key of the same host would look like a mismatch.
        let known = hostKeys.filter(keyTypes.contains) + (keyTypes.contains("ssh-rsa") ? ["rsa-sha2-512", "rsa-sha2-256"] : [])
        let rsa = libssh2_version(0x010b00) != nil ? ["rsa-sha2-512", "rsa-sha2-256"] : []
        let offered = (known.isEmpty ? hostKeys + rsa : known).filter { !$0.hasPrefix("rsa") || !rsa.isEmpty }
        prefer(session, LIBSSH2_METHOD_HOSTKEY, offered.isEmpty ? hostKeys : offered)
        prefer(
            session, LIBSSH2_METHOD_KEX,
            [
                "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group16-sha512",
                "diffie-hellman-group14-sha256",
            ])
        for method in [LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC] { prefer(session, method, ["aes128-ctr", "aes256-ctr"]) }
        for method in [LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC] { prefer(session, method, ["hmac-sha2-256", "hmac-sha2-512"]) }
    }

    private static func prefer(_ session: OpaquePointer, _ method: Int32, _ names: [String]) {
        _ = libssh2_session_method_pref(session, method, names.joined(separator: ","))
    }
}
