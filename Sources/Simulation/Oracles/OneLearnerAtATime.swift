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
        if !joining.isEmpty { return "\(joining.map(\.name).sorted()) are told to start" }
        let coming = world.machines.filter { machine in
            machine.name != setup.name && machine.isServer && machine.isStarting && !history.misjudged.contains(machine.name)
                && !hasBootedUnseen(machine.name, request.id, world, history)
        }
        return coming.isEmpty || world.hidesFromTheLedger || world.hasLostCount(request.id) ? nil : "\(coming.map(\.name)) come up"
    }

    /// A machine that a fault has reset reads ready for a minute.
    private func hasBootedUnseen(_ name: String, _ id: Int, _ world: WorldState, _ history: History) -> Bool {
        guard world.struck.contains(where: \.kind.boots) else { return false }
        return history.readings[id]?.contains { $0.name == name && $0.ready == .ready } ?? false
    }

    private func isNews(_ name: String, _ world: WorldState) -> Bool { name == WorldState.intruder && world.hadIntruder }
}
