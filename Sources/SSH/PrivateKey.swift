import CLibcrypto

/// A user's key, parsed once. libssh2 would parse it again at every retry of a login: 70 % of the client's CPU (facts/ssh.md §3).
/// Unchecked: `pkey` is never changed after `init`, and OpenSSL allows concurrent signing with one key.
final class PrivateKey: @unchecked Sendable {
    enum Kind {
        case ed25519, rsa
        /// With OpenSSL's number of the curve.
        case ecdsa(curve: Int32)
    }

    let pkey: OpaquePointer
    let kind: Kind
    /// The public key as it is stored.
    let original: [UInt8]

    /// Nil for a kind of key that we do not use, and for a damaged one.
    init?(_ container: KeyContainer) {
        guard !container.isLocked, let (pkey, kind) = Self.parse(container.secret) else { return nil }
        (self.pkey, self.kind, original) = (pkey, kind, container.publicHalf)
    }

    deinit { EVP_PKEY_free(pkey) }

    private static func parse(_ secret: [UInt8]) -> (pkey: OpaquePointer, kind: Kind)? {
        var inner = WireReader(secret[...])
        guard let first = inner.number(), first == inner.number(), let type = inner.string() else { return nil }
        switch String(decoding: type, as: UTF8.self) {
        case "ssh-ed25519":
            guard inner.string() != nil, let pair = inner.string(), pair.count == 64,
                let pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, pair, 32)
            else { return nil }
            return (pkey, .ed25519)
        case "ecdsa-sha2-nistp256": return ecdsa(&inner, NID_X9_62_prime256v1)
        case "ecdsa-sha2-nistp384": return ecdsa(&inner, NID_secp384r1)
        case "ecdsa-sha2-nistp521": return ecdsa(&inner, NID_secp521r1)
        case "ssh-rsa":
            guard let n = inner.string(), let e = inner.string(), let d = inner.string(), let iqmp = inner.string(), let p = inner.string(),
                let q = inner.string(), let pkey = rsa(n, e, d, iqmp, p, q)
            else { return nil }
            return (pkey, .rsa)
        default: return nil
        }
    }

    private static func ecdsa(_ inner: inout WireReader, _ curve: Int32) -> (pkey: OpaquePointer, kind: Kind)? {
        guard inner.string() != nil, let point = inner.string(), let scalar = inner.string() else { return nil }
        return ecdsa(point, scalar, curve).map { ($0, .ecdsa(curve: curve)) }
    }

    private static func ecdsa(_ point: [UInt8], _ scalar: [UInt8], _ curve: Int32) -> OpaquePointer? {
        guard let key = EC_KEY_new_by_curve_name(curve), let group = EC_KEY_get0_group(key),
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
        guard EVP_DigestSignInit(context, nil, digest, nil, pkey) == 1,
            EVP_DigestSign(context, &out, &length, data.baseAddress, data.count) == 1
        else { return nil }
        let signature = Array(out[..<length])
        if case .ecdsa = kind { return Self.pair(fromDER: signature) }
        return signature
    }

    /// RFC 8332 for RSA, RFC 5656 §6.2.1 for ECDSA.
    private var digest: OpaquePointer? {
        switch kind {
        case .ed25519: nil
        case .ecdsa(NID_secp384r1): EVP_sha384()
        case .ecdsa(NID_secp521r1): EVP_sha512()
        case .rsa, .ecdsa: EVP_sha256()
        }
    }

    /// ECDSA: OpenSSL gives DER, SSH wants two mpints. The pair's own length takes two bytes from 128 on (nistp521).
    private static func pair(fromDER der: [UInt8]) -> [UInt8]? {
        guard der.count > 8, der[0] == 0x30 else { return nil }
        let start = der[1] & 0x80 == 0 ? 2 : 3
        guard der[start] == 0x02 else { return nil }
        let r = start + 2..<start + 2 + Int(der[start + 1])
        guard der.count > r.upperBound + 2, der[r.upperBound] == 0x02 else { return nil }
        let s = r.upperBound + 2..<r.upperBound + 2 + Int(der[r.upperBound + 1])
        guard der.count >= s.upperBound else { return nil }
        return wire(Array(der[r])) + wire(Array(der[s]))
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
