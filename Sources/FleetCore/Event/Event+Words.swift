extension Event {
    /// The node or VM it is about; nil when it is not about one of them.
    package var node: String? {
        switch self {
        case .actionStarted(let action, _), .actionFinished(let action, _), .actionFailed(let action, _, _),
            .outcomeUnknown(let action, _):
            action.node
        case .waiting(let node, _), .blocked(let node, _), .nodeSettled(let node): node
        case .readFailed, .ledgerRemarked, .actionsQueued, .leaseTaken, .leaseEnded: nil
        }
    }

    /// What an operator reads behind the node's name.
    package var words: String {
        switch self {
        case .actionStarted(let action, let reason): "\(action.words): \(reason.text)"
        case .actionFinished(let action, let seconds):
            "\(action.words) done in \(Int(seconds * 10 + 0.5) / 10).\(Int(seconds * 10 + 0.5) % 10) s"
        case .actionFailed(let action, let reason, let retry):
            "\(action.words) failed: \(reason)" + (retry.map { "; again in \(Int($0)) s" } ?? "")
        case .outcomeUnknown(let action, let reason): "\(action.words): outcome unknown (\(reason)); observing before it is retried"
        case .readFailed(_, let reason): "read failed: \(reason)"
        case .waiting(_, let reason): "waits: \(reason.text)"
        case .blocked(_, let reason): "blocked: \(reason.text); \(reason.advice)"
        case .nodeSettled: "settled"
        case .ledgerRemarked(let text): "WARNING: \(text)"
        case .actionsQueued(let actions): "\(actions.count) steps are queued"
        case .leaseTaken: "the cluster's lease is held by this machine"
        case .leaseEnded: "the cluster's lease is no longer held by this machine"
        }
    }

    /// It is counted in metrics and not logged.
    package var isSilent: Bool {
        switch self {
        case .actionsQueued, .leaseTaken, .leaseEnded: true
        case .actionStarted, .actionFinished, .actionFailed, .outcomeUnknown, .readFailed: false
        case .waiting, .blocked, .nodeSettled, .ledgerRemarked: false
        }
    }
}

extension Decision {
    /// What an operator reads behind the node's name when a pass has ended with this.
    package var words: String {
        switch self {
        case .settled: "settled"
        case .act(let action, let reason): "\(action.words): \(reason.text)"
        case .wait(let wait): "waits: \(wait.reason.text)"
        case .blocked(let reason): "blocked: \(reason.text); \(reason.advice)"
        case .reported(let reason): reason.text
        }
    }
}
