extension Event {
    /// Whom it happened to; nil when that is no one node.
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
        case .outcomeUnknown(let action, let reason): "\(action.words): outcome unknown (\(reason)); looking again"
        case .readFailed(_, let reason): "looking failed: \(reason)"
        case .waiting(_, let reason): "waits: \(reason.text)"
        case .blocked(_, let reason): "blocked: \(reason.text); \(reason.advice)"
        case .nodeSettled: "settled"
        case .ledgerRemarked(let text): "WARNING: \(text)"
        case .actionsQueued(let actions): "\(actions.count) steps wait for their turn"
        case .leaseTaken: "the cluster's lease is ours"
        case .leaseEnded: "the cluster's lease is not ours any more"
        }
    }

    /// It is counted, and nobody reads it: it says nothing of the fleet.
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
