import FleetCore
import K3s
import Reconciler

/// S3: while a server learns, no other one is made or restarted (facts/k3s.md §5.2).
struct OneLearnerAtATime: Oracle {
    static let name = "S3 one learner at a time"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard let setup = request.effect.setup, setup.role == .server, world.isRestarted(by: setup),
            let cluster = world.machine(setup.name)?.disk.serverData ?? world.apiServer?.cluster, let etcd = world.clusters[cluster].etcd
        else { return nil }
        let learners = etcd.learners.subtracting([setup.name]).sorted()
        return learners.isEmpty ? nil : "\(learners) still learn"
    }
}
