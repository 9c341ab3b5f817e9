import Digest
import FoundationEssentials
import Synchronization

/// A known_hosts file, read by us: libssh2's reader knows neither wildcards nor `@revoked` (facts/ssh.md §4, measured).
package struct KnownHosts: Sendable {
    private var entries: [Entry] = []

    private struct Entry: Sendable {
        var isRevoked: Bool
        var patterns: [String]
        var keyType: String
        var key: [UInt8]
    }

    package enum Verdict: Sendable, Hashable {
        case match
        case mismatch(expected: String)
        case revoked
        case unknown
    }

    package init(_ text: String) { add(text) }

    mutating func add(_ text: String) {
        // Splits bytes: in a Swift String CR LF is one character, and a file with CR LF would be one line.
        for line in text.utf8.split(separator: 10) {
            var words = Substring(line).split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let marker = first.hasPrefix("@") ? words.removeFirst() : nil
            // A certificate authority signs certificates; we accept plain keys only.
            guard marker != "@cert-authority", words.count >= 3, let key = Data(base64Encoded: words[2]) else { continue }
            entries.append(
                Entry(
                    isRevoked: marker == "@revoked", patterns: words[0].split(separator: ",").map(String.init),
                    keyType: words[1], key: Array(key)))
        }
    }

    /// The key types on record for a host, so that the client asks for one that it can compare.
    package func keyTypes(host: String, port: Int, alias: String? = nil) -> [String] {
        entries(of: host, port, alias).filter { !$0.isRevoked }.map(\.keyType)
    }

    /// `alias`: another name under which the key may be listed, without a port (`SSHTarget.hostKeyAlias`).
    package func verdict(host: String, port: Int, alias: String? = nil, key: [UInt8]) -> Verdict {
        let mine = entries(of: host, port, alias)
        if mine.contains(where: { $0.isRevoked && $0.key == key }) { return .revoked }
        let valid = mine.filter { !$0.isRevoked }
        if valid.contains(where: { $0.key == key }) { return .match }
        return valid.first.map { .mismatch(expected: fingerprint($0.key)) } ?? .unknown
    }

    private func entries(of host: String, _ port: Int, _ alias: String?) -> [Entry] {
        let names = [Self.name(host, port)] + (alias.map { [Self.name($0, 22)] } ?? [])
        return entries.filter { entry in names.contains { Self.matches(entry.patterns, $0) } }
    }

    static func name(_ host: String, _ port: Int) -> String { port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)" }

    private static func matches(_ patterns: [String], _ name: String) -> Bool {
        var found = false
        for pattern in patterns {
            if pattern.hasPrefix("|1|") {
                if matchesHash(pattern, name) { found = true }
            } else if pattern.hasPrefix("!") {
                if glob(Array(pattern.dropFirst().lowercased().utf8)[...], Array(name.utf8)[...]) { return false }
            } else if glob(Array(pattern.lowercased().utf8)[...], Array(name.utf8)[...]) {
                found = true
            }
        }
        return found
    }

    /// `|1|salt|hash`: HMAC-SHA1 of the name under the salt.
    private static func matchesHash(_ pattern: String, _ name: String) -> Bool {
        let parts = pattern.split(separator: "|")
        guard parts.count == 3, let salt = Data(base64Encoded: String(parts[1])), let want = Data(base64Encoded: String(parts[2])) else {
            return false
        }
        return hmacSHA1(key: Array(salt), Array(name.utf8)) == Array(want)
    }

    /// Matches `*` and `?`; backtracks one star only.
    private static func glob(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (p, t) = (pattern.startIndex, text.startIndex)
        var star: (p: Int, t: Int)?
        while t < text.endIndex {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                star = (p + 1, t)
                p += 1
            } else if p < pattern.endIndex, pattern[p] == text[t] || pattern[p] == UInt8(ascii: "?") {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.p, last.t + 1)
                (p, t) = (last.p, last.t + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// `SHA256:…` as OpenSSH prints it.
package func fingerprint(_ key: [UInt8]) -> String {
    let text = Data(sha256(key)).base64EncodedString()
    return "SHA256:" + text.prefix { $0 != "=" }
}

/// How a host proves its identity before we log in.
package enum HostKeyRule: Sendable {
    case fingerprints([String])
    case knownHosts(KnownHosts)
    case trustOnFirstUse(TrustedHosts)

    /// The key types on record for a host; empty when any will do.
    func keyTypes(_ target: SSHTarget) -> [String] {
        switch self {
        case .fingerprints: []
        case .knownHosts(let known): known.keyTypes(target)
        case .trustOnFirstUse(let trusted): trusted.keyTypes(target)
        }
    }

    /// Whether the host could show a key that is accepted.
    package func canVouch(for target: SSHTarget) -> Bool {
        switch self {
        case .fingerprints, .trustOnFirstUse: true
        case .knownHosts(let known): !known.keyTypes(target).isEmpty
        }
    }

    func verdict(_ target: SSHTarget, key: [UInt8]) -> KnownHosts.Verdict {
        switch self {
        case .fingerprints(let allowed):
            allowed.contains(fingerprint(key)) ? .match : .mismatch(expected: allowed.joined(separator: " or "))
        case .knownHosts(let known): known.isSilent(on: target, key: key) ? .unknown : known.verdict(target, key: key)
        case .trustOnFirstUse(let trusted): trusted.verdict(target, key: key)
        }
    }
}

/// Trust on first use: a host's first key is recorded and required from then on.
package final class TrustedHosts: Sendable {
    private let known: Mutex<KnownHosts>
    private let record: @Sendable (String) throws -> Void

    /// `record` stores a line of known_hosts. A key that cannot be stored is not accepted.
    package init(_ known: KnownHosts, record: @escaping @Sendable (String) throws -> Void) {
        self.known = Mutex(known)
        self.record = record
    }

    func keyTypes(_ target: SSHTarget) -> [String] { known.withLock { $0.keyTypes(target) } }

    /// Two concurrent first connections to a host must see the same key, or one of them is refused.
    func verdict(_ target: SSHTarget, key: [UInt8]) -> KnownHosts.Verdict {
        known.withLock { known in
            let verdict = known.verdict(target, key: key)
            guard case .unknown = verdict else { return verdict }
            let line = KnownHosts.line(name: KnownHosts.name(target.host, target.port), key: key)
            guard (try? record(line)) != nil else { return .unknown }
            known.add(line)
            return .match
        }
    }
}

extension KnownHosts {
    func keyTypes(_ target: SSHTarget) -> [String] { keyTypes(host: target.host, port: target.port, alias: target.hostKeyAlias) }

    func verdict(_ target: SSHTarget, key: [UInt8]) -> Verdict {
        verdict(host: target.host, port: target.port, alias: target.hostKeyAlias, key: key)
    }

    /// Whether only keys of other kinds are on record for the host, of which libssh2 can ask for none (RSA before 1.11): that its key is
    /// another one then means nothing.
    fileprivate func isSilent(on target: SSHTarget, key: [UInt8]) -> Bool {
        guard case .mismatch = verdict(target, key: key), let kind = UserKey.kind(of: key) else { return false }
        return !keyTypes(target).contains(kind)
    }

    /// The line that lists `key` (as it is sent) under `name`.
    static func line(name: String, key: [UInt8]) -> String {
        var reader = WireReader(key[...])
        let type = String(decoding: reader.string() ?? [], as: UTF8.self)
        return "\(name) \(type) \(base64(key))"
    }
}
