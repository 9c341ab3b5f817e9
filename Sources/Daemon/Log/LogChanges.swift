import FleetCore
import Reconciler

/// What is worth saying: one entry per transition, nothing over a settled fleet. A value, fed with everything that is noticed.
package struct LogChanges: Sendable {
    /// What was last said of each subject.
    private var said: [NodeFacts: Said] = [:]

    private enum Said: Hashable {
        case node(LogKind, StepKind?, Reason?)
        case failure(String)
        case settled(Bool)
        case open
    }

    private enum NodeFacts: Hashable {
        case node(String)
        case fleet
        case pass
        case breaker
        case read(ReadTarget)
    }

    package init() {}

    /// What of this notice is worth saying now.
    package mutating func entries(_ notice: Notice) -> [LogEntry] {
        switch notice {
        case .started(let fleet, _):
            [LogEntry(.started, "keeping the fleet \(fleet.cluster.name): \(fleet.nodes.count) nodes")]
        case .event(let event): happened(event)
        case .passEnded(let result, let next): ended(result.plan, next: next)
        case .passFailed(let reason, _, let next): failed(reason, next: next)
        case .reloaded(let fleet): [LogEntry(.reloaded, "read the fleet file anew: \(fleet.nodes.count) nodes")]
        case .reloadRefused(let reason):
            [LogEntry(.reloadRefused, "the new fleet file is refused, the old one stays in force: \(reason)")]
        case .stopping: [LogEntry(.stopping, "stopping: steps under way are finished, nothing new is begun")]
        }
    }

    /// What a node waits for changes by the second; only how a pass left it is worth an entry.
    private mutating func happened(_ event: Event) -> [LogEntry] {
        switch event {
        case .waiting, .nodeSettled, .blocked, .actionsQueued, .leaseTaken, .leaseEnded: return []
        case .actionStarted: return [entry(.effectStarted, event)]
        case .actionFinished: return [entry(.effectDone, event)]
        case .actionFailed: return [entry(.effectFailed, event)]
        case .outcomeUnknown: return [entry(.outcomeUnknown, event)]
        case .ledgerRemarked(let text): return [LogEntry(.ledgerRemarked, text)]
        case .readFailed(let target, let reason):
            // That it is well again is a change too.
            said[.fleet] = nil
            return isNews(.read(target), .failure(reason)) ? [entry(.readFailed, event)] : []
        }
    }

    private func entry(_ kind: LogKind, _ event: Event) -> LogEntry { LogEntry(kind, node: event.node, event.words) }

    private mutating func failed(_ reason: String, next: Double) -> [LogEntry] {
        said[.fleet] = nil
        return isNews(.pass, .failure(reason)) ? [LogEntry(.passFailed, "failed: \(reason); next in \(Int(next)) s")] : []
    }

    private mutating func ended(_ plan: Plan, next: Double) -> [LogEntry] {
        said[.pass] = nil
        var entries = breaker(plan)
        for line in plan.items where isNews(.node(line.node), Self.said(of: line.decision)) {
            entries.append(LogEntry(line.decision.logKind, node: line.node, line.decision.words))
        }
        if plan.isSettled {
            // What cannot be read is said again only when it has been well in between.
            said = said.filter { if case .read = $0.key { false } else { true } }
            if isNews(.fleet, .settled(true)) { entries.append(LogEntry(.fleetSettled, "settled")) }
        } else if isNews(.fleet, .settled(false)) {
            entries.append(LogEntry(.fleetNotSettled, "not settled; next pass in \(Int(next)) s"))
        }
        return entries
    }

    private mutating func breaker(_ plan: Plan) -> [LogEntry] {
        guard let block = plan.openBreaker else {
            return said.removeValue(forKey: .breaker) == nil ? [] : [LogEntry(.breakerClosed, "the breaker is closed")]
        }
        // How many are gone may change while it is open.
        return isNews(.breaker, .open) ? [LogEntry(.breakerOpen, "\(block.text); \(block.advice)")] : []
    }

    private static func said(of decision: Decision) -> Said {
        .node(decision.logKind, decision.action?.kind, decision.reason)
    }

    private mutating func isNews(_ subject: NodeFacts, _ new: Said) -> Bool { said.updateValue(new, forKey: subject) != new }
}

extension Plan {
    /// Why nothing is made again, while the breaker is open.
    var openBreaker: Reason? {
        for line in items {
            if case .blocked(let reason) = line.decision, reason.isBreaker { return reason }
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
