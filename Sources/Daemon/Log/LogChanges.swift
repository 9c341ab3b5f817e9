import FleetCore
import Reconciler

/// Turns notices into log entries: one entry for each transition, none while the fleet stays settled.
package struct LogChanges: Sendable {
    /// The last message, or state, that was logged for each subject.
    private var logged: [Subject: String] = [:]

    private enum Subject: Hashable {
        case node(String)
        case fleet
        case pass
        case breaker
        case look(Look)
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
        case .stopping: [LogEntry(.stopping, "stopping: running steps are finished, nothing new is started")]
        }
    }

    /// What a node waits for changes every second, so only its decision at the end of a pass is logged.
    private mutating func happened(_ event: Event) -> [LogEntry] {
        switch event {
        case .waiting, .nodeSettled, .blocked, .actionsQueued, .leaseTaken, .leaseEnded: return []
        case .actionStarted: return [entry(.effectStarted, event)]
        case .actionFinished: return [entry(.effectDone, event)]
        case .actionFailed: return [entry(.effectFailed, event)]
        case .outcomeUnknown: return [entry(.outcomeUnknown, event)]
        case .ledgerRemarked(let text): return [LogEntry(.ledgerRemarked, text)]
        case .lookFailed(let look, let reason):
            // The recovery will be logged too.
            logged[.fleet] = nil
            return isChange(.look(look), reason) ? [entry(.lookFailed, event)] : []
        }
    }

    private func entry(_ kind: LogKind, _ event: Event) -> LogEntry { LogEntry(kind, node: event.node, event.words) }

    private mutating func failed(_ reason: String, next: Double) -> [LogEntry] {
        logged[.fleet] = nil
        return isChange(.pass, reason) ? [LogEntry(.passFailed, "failed: \(reason); next in \(Int(next)) s")] : []
    }

    private mutating func ended(_ plan: Plan, next: Double) -> [LogEntry] {
        logged[.pass] = nil
        var entries = breaker(plan)
        for line in plan.lines where isChange(.node(line.node), line.decision.words) {
            entries.append(LogEntry(line.decision.logKind, node: line.node, line.decision.words))
        }
        if plan.isSettled {
            // A failed reading is logged again only after the fleet was settled in between.
            logged = logged.filter { if case .look = $0.key { false } else { true } }
            if isChange(.fleet, "settled") { entries.append(LogEntry(.fleetSettled, "settled")) }
        } else if isChange(.fleet, "not settled") {
            entries.append(LogEntry(.fleetNotSettled, "not settled; next pass in \(Int(next)) s"))
        }
        return entries
    }

    private mutating func breaker(_ plan: Plan) -> [LogEntry] {
        guard let block = plan.openBreaker else {
            return logged.removeValue(forKey: .breaker) == nil ? [] : [LogEntry(.breakerClosed, "the breaker is closed")]
        }
        // The reason has the number of missing VMs, which may change while the breaker is open.
        return isChange(.breaker, "open") ? [LogEntry(.breakerOpen, "\(block.reason); \(block.advice)")] : []
    }

    private mutating func isChange(_ subject: Subject, _ words: String) -> Bool {
        defer { logged[subject] = words }
        return logged[subject] != words
    }
}

extension Plan {
    /// Why no VM is created while the breaker is open; nil while it is closed.
    var openBreaker: Block? {
        for line in lines {
            if case .blocked(let block) = line.decision, block.isBreaker { return block }
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
