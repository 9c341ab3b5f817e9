import CLibssh2
import Glibc

/// Signs for libssh2. What it returns is freed by libssh2 with `free`, so it comes from `malloc`.
func signWithKey(
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
enum Preferences {
    static let hostKeys = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]

    static func apply(to session: OpaquePointer, keyTypes: [String]) {
        // With a key on record the host is asked for that one; another of its keys would look like a mismatch.
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
