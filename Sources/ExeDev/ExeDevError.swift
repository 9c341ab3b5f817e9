import Shell

/// An error of exe.dev, with its remedy. No case holds a token or an argument of the command.
package enum ExeDevError: Error, Sendable, Hashable, CustomStringConvertible {
    /// No response, or part of one. The command may have run.
    case lost(verb: String, reason: String, mayHaveHappened: Bool)
    /// 401: it is malformed, has ended or is not valid yet, or the SSH key that signed it is not on the account (facts/exedev.md §2.3).
    case tokenRefused(String, Credential?)
    /// 403.
    case notAllowed(verb: String, String)
    /// 400, 404, 405, 413, a redirect: the server does not understand the request.
    case misunderstood(verb: String, status: Int, String)
    /// 429, after all retries.
    case throttled(verb: String, retryAfter: Double?)
    /// 500, 502 and other server errors.
    case serverError(verb: String, status: Int, mayHaveHappened: Bool)
    /// 504: the command exceeded the platform's time limit.
    case timedOut(verb: String, mayHaveHappened: Bool)
    case nameUnavailable(String)
    /// The account has as many VMs as its plan allows (facts/exedev.md §10.4).
    case quotaReached(String)
    /// There is no such VM, so nothing was done.
    case notFound(verb: String, String)
    /// The platform cannot reach the VM yet.
    case vmNotReady(verb: String, String)
    /// The command ran and refused.
    case refused(verb: String, String)
    /// The response cannot be decoded.
    case unreadable(verb: String, String, mayHaveHappened: Bool)

    package enum Remedy: Sendable, Hashable {
        case retry(after: Duration?)
        /// Never resend: observe what came of it.
        case observeAgain
        case askOperator(advice: String)
        /// The name that `new` asks for is taken, by somebody else or by an earlier `new` of ours.
        case nameTaken(advice: String)

        /// What the operator can do about it; nil when waiting is enough.
        package var advice: String? {
            switch self {
            case .askOperator(let advice), .nameTaken(let advice): advice
            case .retry, .observeAgain: nil
            }
        }
    }

    package var remedy: Remedy {
        switch self {
        case .lost(_, _, true), .serverError(_, _, true), .timedOut(_, true), .unreadable(_, _, true): .observeAgain
        case .lost, .serverError, .timedOut, .unreadable, .vmNotReady, .notFound: .retry(after: nil)
        case .throttled(_, let seconds): .retry(after: seconds.map { .seconds($0) })
        case .tokenRefused(_, let credential?) where credential.kind == .sshKey:
            .askOperator(
                advice: "see that it is registered with exe.dev: ssh exe.dev ssh-key list; another one is named with EXE_DEV_SSH_KEY")
        case .tokenRefused(_, let credential):
            .askOperator(
                advice: "make a new one\(credential.map { " and put it into \($0.place)" } ?? ""): exedev-ctl token mint; \(Self.newToken)")
        case .notAllowed(let verb, _):
            .askOperator(advice: "make one that may run \(verb) too: exedev-ctl token mint --cmds='…,\(verb)'; \(Self.newToken)")
        case .misunderstood(_, let status, _): .askOperator(advice: Self.advice(status))
        case .nameUnavailable(let name):
            .nameTaken(
                advice:
                    "VM names are global on exe.dev, and a tag-scoped key sees its own VMs only: if \(name) is not yours, choose another name "
                    + "(vmPrefix in a fleet file)"
            )
        case .quotaReached: .askOperator(advice: "remove VMs that are not needed, or ask exe.dev for a larger plan")
        case .refused(let verb, _): .askOperator(advice: "read its message; exedev-ctl exec '\(verb) --help' shows the usage")
        }
    }

    private static func advice(_ status: Int) -> String {
        switch status {
        case 300..<400: "EXE_DEV_ENDPOINT may be wrong: it answers with a redirect"
        case 400: "see the quoting of the command line"
        case 413: "a command has at most \(ExeDevCommand.mostBytes / 1024) KiB"
        default: "exe.dev's API may have changed: try a newer version of this program"
        }
    }

    /// The check of `exedev-k8s doctor` that looks closer.
    package var doctorCheck: String {
        switch self {
        case .lost, .serverError, .timedOut, .throttled, .unreadable, .refused, .misunderstood: "api"
        case .tokenRefused: "token"
        case .notAllowed: "permissions"
        case .nameUnavailable, .quotaReached, .notFound: "quota"
        case .vmNotReady: "hosts"
        }
    }

    package var closerLook: String { "; exedev-k8s doctor looks closer (\(doctorCheck))" }

    private static let newToken = "exedev-ctl token for FLEETFILE tells what a fleet needs"

    /// One line: what exe.dev says is not trusted.
    package var description: String { OutsideText.line(text) }

    private var text: String {
        switch self {
        case .lost(let verb, let reason, _): "exe.dev \(verb): \(reason)"
        case .tokenRefused(let text, let credential):
            "exe.dev refused the \(credential?.kind.rawValue ?? "API token")\(credential.map { " of \($0.place)" } ?? "") (401): \(text)"
                + (credential?.reasons ?? "")
        case .notAllowed(let verb, let text): "the API token may not run \(verb) (403): \(text)"
        case .misunderstood(let verb, let status, let text): "exe.dev did not take \(verb) (\(status)): \(text)"
        case .throttled(let verb, _): "exe.dev \(verb): too many requests (429)"
        case .serverError(let verb, let status, _): "exe.dev \(verb): server error (\(status))"
        case .timedOut(let verb, _): "exe.dev \(verb): the command took longer than exe.dev allows (504)"
        case .quotaReached(let text): "the plan's quota of VMs is reached: \(text)"
        case .nameUnavailable(let name): "the VM name \(name) is not available"
        case .notFound(let verb, let text), .vmNotReady(let verb, let text), .refused(let verb, let text): "exe.dev \(verb): \(text)"
        case .unreadable(let verb, let text, _): "exe.dev \(verb): the answer cannot be read: \(text)"
        }
    }
}
