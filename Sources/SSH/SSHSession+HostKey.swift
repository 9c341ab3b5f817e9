import CLibssh2
import Glibc

extension SSHSession {
    func knownKeyTypes(_ rule: HostKeyRule) -> [String] {
        switch rule {
        case .fingerprints: []
        case .knownHosts(let known): known.keyTypes(host: proofName, port: target.port)
        case .trustOnFirstUse(let trusted): trusted.keyTypes(host: proofName, port: target.port)
        }
    }

    /// Before authentication: nothing about us is told to a host that cannot prove itself.
    func prove(_ rule: HostKeyRule, _ session: OpaquePointer) throws(SSHError) {
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
}
