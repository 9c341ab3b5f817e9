import FleetCore
import K3s

/// S8: a server is upgraded with a copy of its datastore kept, a node when its pods are gone, and none is begun once one has failed.
struct UpgradesKeepTheirOrder: Oracle {
    static let name = "S8 upgrades keep their order"

    /// By the release that the copy was taken before.
    private var copies: Set<K3sVersion> = []
    private var drained: Set<String> = []
    /// Nodes that have their former k3s again, by process.
    private var failed: [Int: Set<String>] = [:]

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        switch request.effect.action {
        case .upgradeK3s(let step):
            if step.role == .server, !copies.contains(step.version) { return "no copy of the datastore was kept" }
            return hasOthers(step.node, world) && !drained.contains(step.node) ? "its pods were not evicted" : nil
        case .revertK3s(let step):
            failed[request.id, default: []].insert(step.node)
            return nil
        case .evacuate(let step) where !world.isInMaintenance(step.node):
            let others = failed[request.id, default: []].filter { $0 != step.node && world.isInMaintenance($0) }
            return others.isEmpty ? nil : "the upgrade of \(others.sorted()) has failed"
        default: return nil
        }
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .answered(let effect, _, isDone: true):
            if case .takeSnapshot(let step) = effect.action { copies.insert(step.goal) }
        case .drained(let name): drained.insert(name)
        case .uncordoned(let name): drained.remove(name)
        case .created(let name): drained.remove(name)
        default: break
        }
        return nil
    }

    private func hasOthers(_ name: String, _ world: WorldState) -> Bool {
        world.clusters.contains { $0.nodes.values.contains { $0.registration.name != name && $0.condition(now: world.now) == .ready } }
    }
}
