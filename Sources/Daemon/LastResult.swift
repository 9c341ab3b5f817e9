package import FleetCore
import K3s
package import Reconciler

/// What one read or pass found, as the endpoint and `status` ask for it.
package struct LastResult: Sendable {
    let fleet: DesiredFleet
    let plan: Plan
    let observed: Observation
    /// When it ended (seconds since 1970).
    let time: Double

    /// What came of a read `fleet`.
    package init(_ result: Reconciler.Result, fleet: DesiredFleet, time: Double) {
        (self.fleet, self.time) = (fleet, time)
        (plan, observed) = (result.plan, result.observed)
    }

    func isReady(_ node: String) -> Bool { observed.node(node)?.ready == .ready }

    /// VMs that carry our tag; nil when exe.dev did not answer.
    var owned: [ObservedVM]? { observed.vms?.values.filter { $0.tags.contains(fleet.cluster.tag) } }

    /// Why nothing is made again, when so much is gone at once.
    var breaker: String? {
        for line in plan.items {
            if case .blocked(let reason) = line.decision, reason.isBreaker { return reason.text }
        }
        return nil
    }
}

extension Decision {
    /// What keeps a node from being settled; empty when nothing does.
    var drift: String {
        switch self {
        case .settled: ""
        case .act(let action, let reason): "\(action.words): \(reason.text)"
        case .wait(let wait): "waits: \(wait.reason.text)"
        case .blocked(let reason): "blocked: \(reason.text)"
        case .reported(let reason): reason.text
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
