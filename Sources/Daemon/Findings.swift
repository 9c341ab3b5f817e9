package import FleetCore
import K3s
package import Reconciler

/// What one look or pass found, as the endpoint and `status` ask for it.
package struct Findings: Sendable {
    let fleet: DesiredFleet
    let plan: Plan
    let seen: Observation
    /// When it ended (seconds since 1970).
    let time: Double

    /// What came of a look at `fleet`.
    package init(_ result: Reconciler.Result, fleet: DesiredFleet, time: Double) {
        (self.fleet, self.time) = (fleet, time)
        (plan, seen) = (result.plan, result.seen)
    }

    func isReady(_ node: String) -> Bool { seen.node(node)?.ready == .ready }

    /// VMs that carry our tag; nil when exe.dev did not answer.
    var owned: [ObservedVM]? { seen.vms?.values.filter { $0.tags.contains(fleet.cluster.tag) } }

    /// Why nothing is made anew, when so much is gone at once.
    var breaker: String? {
        for line in plan.lines {
            if case .blocked(let block) = line.decision, block.isBreaker { return block.reason }
        }
        return nil
    }
}

extension Decision {
    /// What keeps a node from being settled; empty when nothing does.
    var drift: String {
        switch self {
        case .settled: ""
        case .act(let action, let because): "\(action.step.words): \(because)"
        case .wait(let wait): "waits: \(wait.reason)"
        case .blocked(let block): "blocked: \(block.reason)"
        case .reported(let reason): reason
        }
    }

    /// One word for counting.
    var kind: String {
        switch self {
        case .settled: "settled"
        case .act: "act"
        case .wait: "wait"
        case .blocked: "blocked"
        case .reported: "reported"
        }
    }
}
