/// A key that logs us in: the public half as it is offered, and something that signs with the other half.
package final class UserKey: Sendable {
    let blob: [UInt8]
    package let publicFingerprint: String
    /// The signature as SSH wants it, without the type string that libssh2 adds; nil when it could not be made.
    let sign: @Sendable (UnsafeBufferPointer<UInt8>) -> [UInt8]?

    init(blob: [UInt8], publicFingerprint: String, sign: @escaping @Sendable (UnsafeBufferPointer<UInt8>) -> [UInt8]?) {
        (self.blob, self.publicFingerprint, self.sign) = (blob, publicFingerprint, sign)
    }

    /// A key from a file in OpenSSH's format, parsed once.
    package static func file(_ path: String) throws(KeyError) -> UserKey {
        let key = try PrivateKey(file: path)
        return UserKey(blob: key.blob, publicFingerprint: key.publicFingerprint) { key.sign($0) }
    }

    /// RSA is offered as rsa-sha2-256: OpenSSH ≥ 8.8 refuses ssh-rsa. Nil for a kind of key that we do not use.
    static func offered(_ original: [UInt8]) -> (blob: [UInt8], isRSA: Bool)? {
        var reader = WireReader(original[...])
        switch reader.string().map({ String(decoding: $0, as: UTF8.self) }) {
        case "ssh-ed25519", "ecdsa-sha2-nistp256": return (original, false)
        case "ssh-rsa":
            guard let e = reader.string(), let n = reader.string() else { return nil }
            return (wire(Array("rsa-sha2-256".utf8)) + wire(e) + wire(n), true)
        default: return nil
        }
    }
}
