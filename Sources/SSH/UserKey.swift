/// A key that logs us in: the public half as it is offered, and something that signs with the other half.
package final class UserKey: Sendable {
    let blob: [UInt8]
    package let publicFingerprint: String
    /// Its kind as `ssh-keygen -l` names it, e.g. `ED25519`.
    let kind: String
    /// Where it came from: a file, or `ssh-agent`.
    package let source: String
    /// The signature as SSH wants it, without the type string that libssh2 adds; nil when it could not be made.
    let sign: @Sendable (UnsafeBufferPointer<UInt8>) -> [UInt8]?

    /// `original`: the public key as it is stored. Nil for a kind of key that we do not use.
    init?(original: [UInt8], source: String, sign: @escaping @Sendable (UnsafeBufferPointer<UInt8>) -> [UInt8]?) {
        guard let (blob, kind) = Self.offered(original) else { return nil }
        (self.blob, self.kind, self.source, self.sign) = (blob, kind, source, sign)
        publicFingerprint = fingerprint(original)
    }

    /// The key of a file: a private key, or with `agent` also one under a passphrase or a `.pub` file whose key the agent holds.
    package static func file(_ path: String, agent: [UserKey] = []) throws(KeyError) -> UserKey {
        let file: KeyFile
        do throws(KeyError) {
            file = try KeyFile(file: path)
        } catch {
            // A private key in another format may have its public half beside it.
            guard case .publicHalf(let half, _)? = try? KeyFile(file: path + ".pub"), let key = held(half, agent) else { throw error }
            return key
        }
        switch file {
        case .privateKey(let key):
            guard let key = UserKey(original: key.original, source: path, sign: { key.sign($0) }) else {
                throw KeyError(description: "\(path) cannot be used")
            }
            return key
        case .publicHalf(let half, let isLocked):
            if let key = held(half, agent) { return key }
            guard offered(half) != nil else {
                throw KeyError(description: "\(path) is a key of the kind \(kind(of: half) ?? "unknown"), which cannot be used here")
            }
            let what = isLocked ? "has a passphrase" : "is a public key"
            throw KeyError(
                description: "\(path) \(what), and no ssh-agent ($SSH_AUTH_SOCK) holds its private key \(fingerprint(half)): ssh-add it")
        }
    }

    private static func held(_ half: [UInt8], _ agent: [UserKey]) -> UserKey? {
        agent.first { $0.publicFingerprint == fingerprint(half) }
    }

    /// As in `ED25519 SHA256:… (ssh-agent)`.
    package var words: String { "\(kind) \(publicFingerprint) (\(source))" }

    /// The type string of a public key.
    static func kind(of original: [UInt8]) -> String? {
        var reader = WireReader(original[...])
        guard let name = reader.string(), name.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
        return String(decoding: name, as: UTF8.self)
    }

    /// RSA is offered as rsa-sha2-256: OpenSSH ≥ 8.8 refuses ssh-rsa. Nil for a kind of key that we do not use.
    static func offered(_ original: [UInt8]) -> (blob: [UInt8], kind: String)? {
        var reader = WireReader(original[...])
        switch reader.string().map({ String(decoding: $0, as: UTF8.self) }) {
        case "ssh-ed25519": return (original, "ED25519")
        case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521": return (original, "ECDSA")
        case "ssh-rsa":
            guard let e = reader.string(), let n = reader.string() else { return nil }
            return (wire(Array("rsa-sha2-256".utf8)) + wire(e) + wire(n), "RSA")
        default: return nil
        }
    }
}

/// The keys of a login, in the order in which they are offered.
package struct KeyRing: Sendable {
    /// sshd ends a connection after six tries (`MaxAuthTries`).
    package static let most = 5

    package var keys: [UserKey]
    /// Keys that are not offered, each with the reason.
    package var unused: [String]

    package init(_ keys: [UserKey], unused: [String] = []) { (self.keys, self.unused) = (keys, unused) }

    /// As `ssh` orders them: the agent's, those that are in `files` first, then the files that the agent does not hold. Every file is
    /// offered; of the agent's keys as many as there is room for.
    package init(agent: [UserKey], files: [UserKey], unused: [String]) {
        let inAgent = Set(agent.map(\.publicFingerprint))
        let named = Set(files.map(\.publicFingerprint))
        let others = Array(files.filter { !inAgent.contains($0.publicFingerprint) }.prefix(Self.most))
        let held = agent.filter { named.contains($0.publicFingerprint) } + agent.filter { !named.contains($0.publicFingerprint) }
        let offered = held.prefix(Self.most - others.count)
        let rest = held.dropFirst(offered.count).map { "\($0.words): \(Self.most) others are" }
        self.init(offered + others, unused: rest + unused)
    }
}
