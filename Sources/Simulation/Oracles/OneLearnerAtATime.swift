import FleetCore
import K3s
import Reconciler

/// S3: while a server learns, or comes up, no other one is made or restarted (facts/k3s.md §5.2).
struct OneLearnerAtATime: Oracle {
    static let name = "S3 one learner at a time"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard let setup = request.effect.setup, setup.role == .server, world.isRestarted(by: setup),
            let cluster = world.machine(setup.name)?.disk.serverData ?? world.apiServer?.cluster, let etcd = world.clusters[cluster].etcd
        else { return nil }
        // Who begins to learn while the process reads is not known to it.
        let learners = etcd.learners.subtracting([setup.name]).filter { !isNews($0, world) }.sorted()
        if !learners.isEmpty { return "\(learners) still learn" }
        let joining = world.inFlight.values.compactMap(\.effect.setup).filter {
            $0.role == .server && $0.name != setup.name && world.isRestarted(by: $0)
        }
        if !joining.isEmpty { return "\(joining.map(\.name)) are told to start" }
        let coming = world.machines.filter { $0.name != setup.name && $0.isServer && $0.isStarting && !history.misjudged.contains($0.name) }
        return coming.isEmpty || world.hidesFromTheLedger || world.hasLostCount(request.id) ? nil : "\(coming.map(\.name)) come up"
    }

    private func isNews(_ name: String, _ world: WorldState) -> Bool { name == WorldState.intruder && world.hadIntruder }
}
