import FleetCore
import Reconciler

/// S7: those that are being made count.
struct CreationsFitTheBudget: Oracle {
    static let name = "S7 creations fit the budget"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        // Another machine's requests are nothing that this one can count.
        guard case .create = request.effect, !world.hadRival else { return nil }
        let fleet = request.process.fleet
        var names = Set(world.machines.filter { $0.tags.contains(fleet.cluster.tag) }.map(\.name))
        for case .create(let name, _, _) in world.inFlight.values.map(\.effect) + [request.effect] { names.insert(name) }
        let limit = fleet.limits.maxVMs
        return names.count > limit ? "\(names.count) would exist, the limit is \(limit)" : nil
    }
}
