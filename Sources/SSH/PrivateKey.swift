import CLibcrypto
import FoundationEssentials

/// A user's key, parsed once. libssh2 would parse it again at every retry of a login: 70 % of the client's CPU (facts/ssh.md §3).
/// Unchecked: `pkey` is never changed after `init`, and OpenSSL allows concurrent signing with one key.
final class PrivateKey: @unchecked Sendable {
    enum Kind { case ed25519, ecdsa, rsa }

    let pkey: OpaquePointer
    let kind: Kind
    /// The public key as it is offered.
    let blob: [UInt8]
    let publicFingerprint: String

    convenience init(file: String) throws(KeyError) {
        guard let data = FileManager.default.contents(atPath: file) else { throw KeyError(description: "cannot read the SSH key \(file)") }
        try self.init(text: String(decoding: data, as: UTF8.self), file: file)
    }

    init(text: String, file: String) throws(KeyError) {
        guard text.contains("BEGIN OPENSSH PRIVATE KEY") else {
            throw KeyError(description: "\(file) is not in OpenSSH's format; rewrite it with: ssh-keygen -p -f \(file)")
        }
        let body = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }.joined()
        guard let data = Data(base64Encoded: body), let key = Self.parse(Array(data)) else {
            throw KeyError(
                description: "\(file) cannot be read as an SSH key (one with a passphrase is used through an ssh-agent: SSH_AUTH_SOCK)")
        }
        (pkey, kind, blob) = (key.pkey, key.kind, key.blob)
        publicFingerprint = fingerprint(key.original)
    }

    deinit { EVP_PKEY_free(pkey) }

    /// openssh-key-v1, one key, cipher `none`.
    private static func parse(_ bytes: [UInt8]) -> (pkey: OpaquePointer, kind: Kind, blob: [UInt8], original: [UInt8])? {
        let magic = Array("openssh-key-v1\0".utf8)
        guard bytes.starts(with: magic) else { return nil }
        var reader = WireReader(bytes[magic.count...])
        guard reader.string() == Array("none".utf8), reader.string() != nil, reader.string() != nil, reader.number() == 1,
            let original = reader.string(), let secret = reader.string()
        else { return nil }
        var inner = WireReader(secret[...])
        guard let first = inner.number(), first == inner.number(), let type = inner.string() else { return nil }
        switch String(decoding: type, as: UTF8.self) {
        case "ssh-ed25519":
            guard inner.string() != nil, let pair = inner.string(), pair.count == 64,
                let pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, pair, 32)
            else { return nil }
            return (pkey, .ed25519, original, original)
        case "ecdsa-sha2-nistp256":
            guard inner.string() != nil, let point = inner.string(), let scalar = inner.string(), let pkey = ecdsa(point, scalar) else {
                return nil
            }
            return (pkey, .ecdsa, original, original)
        case "ssh-rsa":
            guard let n = inner.string(), let e = inner.string(), let d = inner.string(), let iqmp = inner.string(), let p = inner.string(),
                let q = inner.string(), let pkey = rsa(n, e, d, iqmp, p, q)
            else { return nil }
            return UserKey.offered(original).map { (pkey, .rsa, $0.blob, original) }
        default: return nil
        }
    }

    private static func ecdsa(_ point: [UInt8], _ scalar: [UInt8]) -> OpaquePointer? {
        guard let key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1), let group = EC_KEY_get0_group(key),
            let publicPoint = EC_POINT_new(group)
        else {
            return nil
        }
        defer {
            EC_POINT_free(publicPoint)
            EC_KEY_free(key)
        }
        let number = BN_bin2bn(scalar, Int32(scalar.count), nil)
        defer { BN_clear_free(number) }
        guard EC_POINT_oct2point(group, publicPoint, point, point.count, nil) == 1, EC_KEY_set_public_key(key, publicPoint) == 1,
            EC_KEY_set_private_key(key, number) == 1, let pkey = EVP_PKEY_new(), EVP_PKEY_set1_EC_KEY(pkey, key) == 1
        else { return nil }
        return pkey
    }

    private static func rsa(
        _ n: [UInt8], _ e: [UInt8], _ d: [UInt8], _ iqmp: [UInt8], _ p: [UInt8], _ q: [UInt8]
    ) -> OpaquePointer? {
        // OpenSSL's own limit for a modulus; a signature with a longer one would take hours.
        guard n.count <= 2049, [e, d, iqmp, p, q].allSatisfy({ $0.count <= n.count }) else { return nil }
        func number(_ bytes: [UInt8]) -> OpaquePointer? { BN_bin2bn(bytes, Int32(bytes.count), nil) }
        guard let key = RSA_new() else { return nil }
        defer { RSA_free(key) }
        // RSA_set0 takes ownership of the numbers.
        guard RSA_set0_key(key, number(n), number(e), number(d)) == 1, RSA_set0_factors(key, number(p), number(q)) == 1,
            let pkey = EVP_PKEY_new(), EVP_PKEY_set1_RSA(pkey, key) == 1
        else { return nil }
        return pkey
    }

    /// The signature in SSH's format, without the type string that libssh2 adds; nil when OpenSSL fails.
    func sign(_ data: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var length = Int(EVP_PKEY_get_size(pkey))
        var out = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSignInit(context, nil, kind == .ed25519 ? nil : EVP_sha256(), nil, pkey) == 1,
            EVP_DigestSign(context, &out, &length, data.baseAddress, data.count) == 1
        else { return nil }
        let signature = Array(out[..<length])
        return kind == .ecdsa ? Self.pair(fromDER: signature) : signature
    }

    /// ECDSA: OpenSSL gives DER, SSH wants two mpints.
    private static func pair(fromDER der: [UInt8]) -> [UInt8]? {
        guard der.count > 8, der[0] == 0x30, der[2] == 0x02 else { return nil }
        let r = Int(der[3])
        guard der.count > 6 + r, der[4 + r] == 0x02 else { return nil }
        let s = Int(der[5 + r])
        guard der.count >= 6 + r + s else { return nil }
        return wire(Array(der[4..<4 + r])) + wire(Array(der[(6 + r)..<(6 + r + s)]))
    }
}

package struct KeyError: Error, Sendable, CustomStringConvertible {
    package var description: String
}

/// A string of the SSH wire: its length in four bytes, then itself.
func wire(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(bytes.count)
    return [UInt8(count >> 24), UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255)] + bytes
}

struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func number() -> Int? {
        guard rest.count >= 4 else { return nil }
        defer { rest = rest.dropFirst(4) }
        return rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func string() -> [UInt8]? {
        guard let count = number(), count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
