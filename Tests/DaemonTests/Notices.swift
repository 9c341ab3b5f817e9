import Daemon
import FleetCore
import Testing

@testable import Reconciler

/// Short constructors of notices.
enum Say {
    static let fleet = FleetFile.parse(
        #"{apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1}, pools: {web: {nodes: 1}}}"#, file: "f"
    ).fleet!

    static let started = Notice.started(fleet, run: "r1")
    static let settled = ended(["a": .settled, "b": .settled])
    static let repair = Notice.event(.actionStarted(.startVM(name: "a"), because: "the VM is stopped"))
    static let failed = Notice.passFailed("exe.dev cannot be reached", next: 5)
    static let waiting = ended(["a": .wait(Wait("k3s", look: .cluster, every: 1)), "b": .settled])
    static let stuck = ended(["a": .blocked(Block("no tag", advice: "tag it")), "b": .settled])
    static let massLoss = ended(["a": .blocked(breaker), "b": .blocked(breaker)])
    private static let breaker = Block("2 of 3 VMs are gone", advice: "look", isBreaker: true)

    static func ended(_ decisions: [String: Decision]) -> Notice {
        let lines = decisions.keys.sorted().map { Plan.Line(node: $0, pool: "web", decision: decisions[$0]!, then: []) }
        let ledger = Ledger(cluster: "demo", clusterID: "c", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        let result = Reconciler.Result(
            plan: Plan(cluster: "demo", lines: lines), seen: Observation(), ledger: ledger, effects: 0, ranOutOfTime: false)
        return .passEnded(result, next: 9)
    }
}
