import Files
import FoundationEssentials

/// What a file with a user's key holds.
enum KeyFile {
    case privateKey(PrivateKey)
    /// Only the public half can be read: a `.pub` file, or a private key under a passphrase. Who signs with it is an ssh-agent.
    case publicHalf([UInt8], isLocked: Bool)

    init(file: String) throws(KeyError) {
        let bytes: [UInt8]?
        do throws(FileError) { bytes = try RegularFile.read(file) } catch {
            throw KeyError(description: "cannot read the SSH key: \(error)")
        }
        guard let bytes else { throw KeyError(description: "cannot read the SSH key \(file): No such file or directory") }
        try self.init(text: String(decoding: bytes, as: UTF8.self), file: file)
    }

    /// Throws for what is no key, or one of a kind that is not used; says what it is and how to convert it.
    init(text: String, file: String) throws(KeyError) {
        if text.contains("BEGIN OPENSSH PRIVATE KEY") {
            self = try Self.openSSH(text, file)
        } else if let blob = Self.publicLine(text) {
            self = .publicHalf(blob, isLocked: false)
        } else {
            throw KeyError(description: Self.foreign(text, file))
        }
    }

    private static func openSSH(_ text: String, _ file: String) throws(KeyError) -> KeyFile {
        let body = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }.joined()
        guard let data = Data(base64Encoded: body), let container = KeyContainer(Array(data)) else {
            throw KeyError(description: "\(file) cannot be read as an SSH key: it is damaged")
        }
        if container.isLocked { return .publicHalf(container.publicHalf, isLocked: true) }
        if let key = PrivateKey(container) { return .privateKey(key) }
        let kind = UserKey.kind(of: container.publicHalf) ?? "no key"
        guard UserKey.offered(container.publicHalf) == nil else { throw KeyError(description: "\(file) is a damaged key (\(kind))") }
        throw KeyError(description: "\(file) is a key of the kind \(kind), which cannot be used here; an ed25519 key can")
    }

    /// The key of a `.pub` file: its kind, the key in base64, a comment.
    private static func publicLine(_ text: String) -> [UInt8]? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2, let data = Data(base64Encoded: String(words[1])) else { return nil }
        return UserKey.kind(of: Array(data)) == String(words[0]) ? Array(data) : nil
    }

    private static func foreign(_ text: String, _ file: String) -> String {
        if text.hasPrefix("PuTTY-User-Key-File") {
            return "\(file) is a key of PuTTY; convert it with: puttygen \(file) -O private-openssh-new -o \(file).openssh"
        }
        if text.contains("---- BEGIN SSH2 PUBLIC KEY") {
            return "\(file) is a public key in the form of RFC 4716; convert it with: ssh-keygen -i -f \(file) > \(file).pub"
        }
        for (mark, kind) in pem where text.contains("-----BEGIN \(mark)-----") {
            return "\(file) is \(kind) in the older PEM format; rewrite it in OpenSSH's with: ssh-keygen -p -f \(file)"
        }
        return "\(file) is no SSH key"
    }

    private static let pem = [
        ("RSA PRIVATE KEY", "an RSA key"), ("EC PRIVATE KEY", "an ECDSA key"), ("DSA PRIVATE KEY", "a DSA key"),
        ("ENCRYPTED PRIVATE KEY", "a key (PKCS #8)"), ("PRIVATE KEY", "a key (PKCS #8)"),
    ]
}

/// The container `openssh-key-v1` with one key (PROTOCOL.key of OpenSSH).
struct KeyContainer {
    let publicHalf: [UInt8]
    /// The private half, encrypted if `isLocked`.
    let secret: [UInt8]
    let isLocked: Bool

    init?(_ bytes: [UInt8]) {
        let magic = Array("openssh-key-v1\0".utf8)
        guard bytes.starts(with: magic) else { return nil }
        var reader = WireReader(bytes[magic.count...])
        guard let cipher = reader.string(), reader.string() != nil, reader.string() != nil, reader.number() == 1,
            let publicHalf = reader.string(), let secret = reader.string()
        else { return nil }
        (self.publicHalf, self.secret, isLocked) = (publicHalf, secret, cipher != Array("none".utf8))
    }
}
