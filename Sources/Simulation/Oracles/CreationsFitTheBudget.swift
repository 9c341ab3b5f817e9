import FleetCore
import Reconciler

/// S7: those that are being made count.
struct CreationsFitTheBudget: Oracle {
    static let name = "S7 creations fit the budget"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        // Another machine's requests are nothing that this one can count.
        guard request.effect.kind == .createVM, !world.hadRival else { return nil }
        let fleet = request.process.fleet
        var names = Set(world.machines.filter { $0.tags.contains(fleet.cluster.tag) }.map(\.name))
        for other in world.inFlight.values.map(\.effect) + [request.effect] where other.kind == .createVM { names.insert(other.subject) }
        let limit = fleet.limits.maxVMs
        return names.count > limit ? "\(names.count) would exist, the limit is \(limit)" : nil
    }
}
