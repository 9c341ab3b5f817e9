import FleetCore
import K3s
import Reconciler

/// S4: no second founding under one cluster id, once anybody could rely on the first.
struct FoundedAtMostOnce: Oracle {
    static let name = "S4 founded at most once"

    /// How many clusters were founded under each id.
    private var foundings: [String: Int] = [:]
    /// Every node that ever joined, with the number of its cluster.
    private var joined: Set<Mark> = []

    /// Sent to a host without data: k3s would found there.
    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.process.mode == .apply, let setup = request.effect.setup, setup.role == .server, setup.serverAddress == nil,
            let machine = world.machine(setup.name), machine.disk.serverData == nil, foundings[setup.clusterID, default: 0] > 0,
            let disk = world.disk, disk.clusterID == setup.clusterID, disk.caHash != nil,
            joined.contains(where: { $0.name != setup.name }), !history.misjudged.contains(setup.name)
        else { return nil }
        return "the cluster is founded, and \(setup.name) has no data"
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .began: begin(world)
        case .joined(let cluster, let node): joined.insert(Mark(cluster, node))
        case .founded(let cluster, let clusterID, let name): return judge(cluster, clusterID, on: name, world.disk)
        default: break
        }
        return nil
    }

    /// A node password outlives its node.
    private mutating func begin(_ world: WorldState) {
        if let disk = world.disk { foundings[disk.clusterID] = world.clusters.count }
        for (number, cluster) in world.clusters.enumerated() { joined.formUnion(cluster.passwords.keys.map { Mark(number, $0) }) }
    }

    private mutating func judge(_ cluster: Int, _ clusterID: String, on name: String, _ disk: Ledger?) -> String? {
        foundings[clusterID, default: 0] += 1
        guard foundings[clusterID]! > 1, disk?.clusterID == clusterID else { return nil }
        let hasAgents = joined.contains { $0.owner != cluster && $0.name != name }
        return disk?.caHash != nil || hasAgents ? "\(name) founds \(clusterID) again" : nil
    }
}
