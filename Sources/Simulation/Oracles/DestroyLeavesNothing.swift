import FleetCore
import Reconciler

/// After a destroy that says so, none of the fleet's VMs is left.
struct DestroyLeavesNothing: Oracle {
    static let name = "destroy leaves nothing"

    func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        guard case .destroyed(let tag) = occurrence else { return nil }
        let left = world.machines.filter { $0.tags.contains(tag) }.map(\.name)
        return left.allSatisfy(history.passesForGone) ? nil : "the cluster is forgotten while \(left) exist"
    }
}
