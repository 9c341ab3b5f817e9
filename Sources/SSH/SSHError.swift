/// Why a session or a command failed.
package enum SSHError: Error, Sendable, Hashable, CustomStringConvertible {
    case unresolved(host: String, reason: String)
    case notConnected(target: String, reason: String)
    /// No answer while connecting: the host is dead, or exe.dev drops our connections.
    case timedOut(target: String, during: String)
    case hostKeyMismatch(target: String, shown: String, expected: String)
    /// `line`: what known_hosts lacks.
    case hostKeyUnknown(target: String, shown: String, line: String)
    case hostKeyRevoked(target: String, shown: String)
    /// `missing` is empty when the host did not tell what it offers.
    case noCommonAlgorithm(target: String, missing: [MissingAlgorithm], reason: String)
    /// `offered`: the keys that the host refused; `unused`: those that it was not asked for, and why.
    case authenticationRefused(target: String, user: String, offered: [String], unused: [String])
    /// The connection ended. `commandSent`: a command may have run.
    case disconnected(target: String, reason: String, commandSent: Bool)
    /// The command was still running at its deadline.
    case deadlineExceeded(target: String, seconds: Int)
    case cancelled(commandSent: Bool)
    /// What the command was to read could not be read here to its end. It may have run.
    case inputFailed(reason: String)

    /// The command may have run, partly or completely.
    package var outcomeUnknown: Bool {
        switch self {
        case .disconnected(_, _, let sent), .cancelled(let sent): sent
        case .deadlineExceeded, .inputFailed: true
        default: false
        }
    }

    /// What the operator can do; nil when a retry may help.
    package var advice: String? {
        switch self {
        case .hostKeyMismatch:
            "if the host's key was changed on purpose, or what is expected is its key of another kind, correct ssh.hostKeys or the "
                + "known_hosts file; if not, the connection may be intercepted"
        case .hostKeyUnknown(_, let shown, let line):
            "compare it with the fingerprint that exe.dev publishes (`ssh exe.dev` shows it too), then add to the fleet file "
                + "ssh: {hostKeys: [\"\(shown)\"]} or to known_hosts the line: \(line)"
        case .hostKeyRevoked: "known_hosts marks this key as revoked"
        case .noCommonAlgorithm(_, let missing, _):
            missing.first.map(\.advice) ?? "let the host offer ed25519 host keys, aes128-ctr and hmac-sha2-256"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .unresolved(let host, let reason): "\(host) does not resolve: \(reason)"
        case .notConnected(let target, let reason): "\(target): \(reason)"
        case .timedOut(let target, let during): "\(target) did not answer in time (\(during))"
        case .hostKeyMismatch(let target, let shown, let expected): "\(target) shows host key \(shown), expected \(expected)"
        case .hostKeyUnknown(let target, let shown, _): "\(target) shows host key \(shown), which nothing vouches for"
        case .hostKeyRevoked(let target, let shown): "\(target) shows the revoked host key \(shown)"
        case .noCommonAlgorithm(let target, let missing, let reason):
            "\(target) and we have no algorithm in common: " + (missing.isEmpty ? reason : missing.map(\.words).joined(separator: "; "))
        case .authenticationRefused(let target, let user, let offered, let unused):
            "\(target) refused \(user) with " + (offered.isEmpty ? "no key" : offered.joined(separator: ", "))
                + (unused.isEmpty ? "" : "; not offered: " + unused.joined(separator: ", "))
        case .disconnected(let target, let reason, _): "\(target): the connection ended: \(reason)"
        case .deadlineExceeded(let target, let seconds): "\(target): the step was not done in \(seconds) s"
        case .cancelled: "cancelled"
        case .inputFailed(let reason): reason
        }
    }
}
