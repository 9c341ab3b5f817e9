/// Why a session or a command failed.
package enum SSHError: Error, Sendable, Hashable, CustomStringConvertible {
    case unresolved(host: String, reason: String)
    case notConnected(target: String, reason: String)
    /// No answer while connecting: the host is dead, or exe.dev drops our connections.
    case timedOut(target: String, during: String)
    case hostKeyMismatch(target: String, shown: String, expected: String)
    case hostKeyUnknown(target: String, shown: String)
    case hostKeyRevoked(target: String, shown: String)
    case noCommonAlgorithm(target: String, reason: String)
    case authenticationRefused(target: String, user: String, keys: [String])
    /// The connection ended. `commandSent`: a command may have run.
    case disconnected(target: String, reason: String, commandSent: Bool)
    /// The command was still running at its deadline.
    case deadlineExceeded(target: String, seconds: Int)
    case cancelled(commandSent: Bool)

    /// The command may have run, partly or completely.
    package var outcomeUnknown: Bool {
        switch self {
        case .disconnected(_, _, let sent), .cancelled(let sent): sent
        case .deadlineExceeded: true
        default: false
        }
    }

    /// What the operator can do; nil when a retry may help.
    package var advice: String? {
        switch self {
        case .hostKeyMismatch:
            "if the host's key was changed on purpose, correct ssh.hostKeys or the known_hosts file; if not, the connection may be intercepted"
        case .hostKeyUnknown(_, let shown):
            "check the fingerprint by another way, then put \(shown) into ssh.hostKeys or the key into known_hosts"
        case .hostKeyRevoked: "known_hosts marks this key as revoked"
        case .noCommonAlgorithm:
            "libssh2 1.10 (Debian 12) cannot verify rsa-sha2 host keys; 1.11 (Debian 13, Ubuntu 24.04) can. Or let the host offer ed25519 or ECDSA"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .unresolved(let host, let reason): "\(host) does not resolve: \(reason)"
        case .notConnected(let target, let reason): "\(target): \(reason)"
        case .timedOut(let target, let during): "\(target) did not answer in time (\(during))"
        case .hostKeyMismatch(let target, let shown, let expected): "\(target) shows host key \(shown), expected \(expected)"
        case .hostKeyUnknown(let target, let shown): "\(target) shows host key \(shown), which nothing vouches for"
        case .hostKeyRevoked(let target, let shown): "\(target) shows the revoked host key \(shown)"
        case .noCommonAlgorithm(let target, let reason): "\(target) and we have no algorithm in common: \(reason)"
        case .authenticationRefused(let target, let user, let keys): "\(target) refused \(user) with \(keys.joined(separator: ", "))"
        case .disconnected(let target, let reason, _): "\(target): the connection ended: \(reason)"
        case .deadlineExceeded(let target, let seconds): "\(target): the step was not done in \(seconds) s"
        case .cancelled: "cancelled"
        }
    }
}
