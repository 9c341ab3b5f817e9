import FleetCore
import Reconciler

/// Turns notices into log entries: one entry for each transition, none while the fleet stays settled.
package struct LogChanges: Sendable {
    /// What was last logged for each subject.
    private var logged: [Subject: Logged] = [:]

    private enum Logged: Hashable {
        case node(LogKind, StepKind?, Reason?)
        case failure(String)
        case settled(Bool)
        case open
    }

    private enum Subject: Hashable {
        case node(String)
        case fleet
        case pass
        case breaker
        case read(ReadTarget)
    }

    package init() {}

    /// The entries for this notice.
    package mutating func entries(_ notice: Notice) -> [LogEntry] {
        switch notice {
        case .started(let fleet, _):
            [LogEntry(.started, "keeping the fleet \(fleet.cluster.name): \(fleet.nodes.count) nodes")]
        case .event(let event): happened(event)
        case .passEnded(let result, let next): ended(result.plan, next: next)
        case .passFailed(let reason, _, let next): failed(reason, next: next)
        case .reloaded(let fleet): [LogEntry(.reloaded, "read the new fleet file: \(fleet.nodes.count) nodes")]
        case .reloadRefused(let reason):
            [LogEntry(.reloadRefused, "the new fleet file is refused, the old one stays in force: \(reason)")]
        case .paused(let pause): [LogEntry(.paused, "\(pause.words); nothing is changed until exedev-k8s resume")]
        case .resumed: [LogEntry(.resumed, "not paused any more")]
        case .stopping: [LogEntry(.stopping, "stopping: running steps are finished, nothing new is started")]
        }
    }

    /// What a node waits for changes every second, so only its decision at the end of a pass is logged.
    private mutating func happened(_ event: Event) -> [LogEntry] {
        switch event {
        case .waiting, .nodeSettled, .blocked, .actionsQueued, .leaseTaken, .leaseEnded: return []
        case .actionStarted(let action, _):
            // It will be settled again, which is logged too.
            (logged[.fleet], logged[.node(action.node)]) = (nil, nil)
            return [entry(.effectStarted, event)]
        case .actionFinished: return [entry(.effectDone, event)]
        case .actionFailed: return [entry(.effectFailed, event)]
        case .outcomeUnknown: return [entry(.outcomeUnknown, event)]
        case .ledgerRemarked(let text): return [LogEntry(.ledgerRemarked, text)]
        case .readFailed(let target, let reason):
            // The recovery will be logged too.
            logged[.fleet] = nil
            return isChange(.read(target), .failure(reason)) ? [entry(.readFailed, event)] : []
        }
    }

    private func entry(_ kind: LogKind, _ event: Event) -> LogEntry { LogEntry(kind, node: event.node, event.words) }

    private mutating func failed(_ reason: String, next: Double) -> [LogEntry] {
        logged[.fleet] = nil
        return isChange(.pass, .failure(reason)) ? [LogEntry(.passFailed, "failed: \(reason); next in \(Int(next)) s")] : []
    }

    private mutating func ended(_ plan: Plan, next: Double) -> [LogEntry] {
        logged[.pass] = nil
        var entries = breaker(plan)
        for line in plan.items where isChange(.node(line.node), Self.logged(of: line.decision)) {
            entries.append(LogEntry(line.decision.logKind, node: line.node, line.decision.words))
        }
        if plan.isSettled {
            // A failed reading is logged again only after the fleet was settled in between.
            logged = logged.filter { if case .read = $0.key { false } else { true } }
            if isChange(.fleet, .settled(true)) { entries.append(LogEntry(.fleetSettled, "settled")) }
        } else if isChange(.fleet, .settled(false)) {
            entries.append(LogEntry(.fleetNotSettled, "not settled; next pass in \(Int(next)) s"))
        }
        return entries
    }

    private mutating func breaker(_ plan: Plan) -> [LogEntry] {
        guard let block = plan.openBreaker else {
            return logged.removeValue(forKey: .breaker) == nil ? [] : [LogEntry(.breakerClosed, "the breaker is closed")]
        }
        // The reason has a number, which may change while the breaker is open.
        return isChange(.breaker, .open) ? [LogEntry(.breakerOpen, "\(block.text); \(block.advice)")] : []
    }

    private static func logged(of decision: Decision) -> Logged {
        .node(decision.logKind, decision.action?.kind, decision.reason)
    }

    private mutating func isChange(_ subject: Subject, _ new: Logged) -> Bool { logged.updateValue(new, forKey: subject) != new }
}

extension Plan {
    /// Why the breaker is open; nil while it is closed.
    var openBreaker: Reason? {
        for item in items {
            if case .blocked(let reason) = item.decision, reason.isBreaker { return reason }
        }
        return nil
    }
}

extension Decision {
    var logKind: LogKind {
        switch self {
        case .settled: .nodeSettled
        case .act: .nodePending
        case .wait: .nodeWaiting
        case .blocked: .nodeBlocked
        case .reported: .nodeReported
        }
    }
}
