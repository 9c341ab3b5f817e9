import FleetCore
import K3s
import Reconciler

/// S3: where several servers vote, none is taken down by us that the others need, as far as the cluster can know who is down.
struct QuorumIsKept: Oracle {
    static let name = "S3 quorum is kept"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        if let complaint = beforeRemoval(request, world, history) { return complaint }
        guard request.process.mode == .apply, let machine = world.machine(request.effect.subject),
            let cluster = machine.disk.serverData, let etcd = world.clusters[cluster].etcd, etcd.voters.count > 1,
            etcd.voters.contains(machine.name),
            // One that is down, or coming up, is nothing that the others have.
            machine.unit?.registeredAt != nil, !history.hasJustCome(machine, to: request.id, now: world.now),
            takesDown(request.effect, world)
        else { return nil }
        let ready = world.clusters[cluster].nodes.values.filter { $0.condition(now: world.now) == .ready }.map(\.registration.name)
        let read = (history.readings[request.id] ?? []).filter { $0.ready == .ready }.map(\.name)
        let left = etcd.voters.intersection(ready + read).subtracting([machine.name]).count
        return left < etcd.quorum ? "\(left) of \(etcd.voters.count) voters would be left" : nil
    }

    /// A member that is taken out: those that are left must have a quorum of their own.
    private func beforeRemoval(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.process.mode == .apply, request.effect.kind == .deleteNode,
            let number = world.clusters.indices.last(where: { world.clusters[$0].etcd?.isVoter(request.effect.subject) == true }),
            let etcd = world.clusters[number].etcd
        else { return nil }
        // One that went a moment ago is well by what the process has read.
        let read = (history.readings[request.id] ?? []).filter { $0.ready == .ready }.map(\.name)
        let nodes = world.clusters[number].nodes.values.filter { $0.condition(now: world.now) == .ready }.map(\.registration.name)
        let left = etcd.voters.subtracting([request.effect.subject])
        let up = left.intersection(nodes + read).count
        return up < left.count / 2 + 1 ? "\(up) of the \(left.count) voters that are left are up" : nil
    }

    private func takesDown(_ effect: Effect, _ world: WorldState) -> Bool {
        if let setup = effect.setup { return world.isRestarted(by: setup) }
        return [.stop, .restart, .removeVM, .startVM, .flushDisk, .restartVM].contains(effect.kind)
    }
}
