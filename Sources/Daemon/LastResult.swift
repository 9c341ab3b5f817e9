package import FleetCore
import K3s
package import Reconciler

/// The result of the last pass, or of one observation: what the endpoint and `status` show.
package struct LastResult: Sendable {
    let fleet: DesiredFleet
    let plan: Plan
    let seen: Observation
    /// When it ended (seconds since 1970).
    let time: Double

    package init(_ result: Reconciler.Result, fleet: DesiredFleet, time: Double) {
        (self.fleet, self.time) = (fleet, time)
        (plan, seen) = (result.plan, result.seen)
    }

    func isReady(_ node: String) -> Bool { seen.node(node)?.ready == .ready }

    /// The VMs with the fleet's tag; nil when exe.dev did not answer.
    var owned: [ObservedVM]? { seen.vms?.values.filter { $0.tags.contains(fleet.cluster.tag) } }

    /// Why no VM is created while the breaker is open; nil while it is closed.
    var breaker: String? {
        for line in plan.lines {
            if case .blocked(let block) = line.decision, block.isBreaker { return block.reason }
        }
        return nil
    }
}

extension Decision {
    /// Why the node is not settled; empty when it is.
    var drift: String {
        switch self {
        case .settled: ""
        case .act(let action, let because): "\(action.step.words): \(because)"
        case .wait(let wait): "waits: \(wait.reason)"
        case .blocked(let block): "blocked: \(block.reason)"
        case .reported(let reason): reason
        }
    }

    /// The label of the metric `exedev_k8s_decisions`.
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
