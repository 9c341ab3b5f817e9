package import FleetCore
import K3s
package import Reconciler

/// The result of the last pass, or of one observation: what the endpoint and `status` show.
package struct LastResult: Sendable {
    let fleet: DesiredFleet
    let plan: Plan
    let observed: Observation
    /// When it ended (seconds since 1970).
    let time: Double
    /// An operator held the fleet then.
    let pause: FleetPause?

    package init(_ result: Reconciler.Result, fleet: DesiredFleet, time: Double) {
        (self.fleet, self.time) = (fleet, time)
        (plan, observed, pause) = (result.plan, result.observed, result.pause)
    }

    func isReady(_ node: String) -> Bool { observed.node(node)?.ready == .ready }

    /// The VMs with the fleet's tag; nil when exe.dev did not answer.
    var owned: [ObservedVM]? { observed.vms?.values.filter { $0.tags.contains(fleet.cluster.tag) } }

}

extension Decision {
    /// Why the node is not settled; empty when it is.
    var drift: String {
        switch self {
        case .settled: ""
        case .act(let action, let reason): "\(action.words): \(reason.text)"
        case .wait(let wait): "waits: \(wait.reason.text)"
        case .blocked(let reason): "blocked: \(reason.text)"
        case .reported(let reason): reason.text
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
