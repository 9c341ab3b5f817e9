import FleetCore
import Reconciler

/// S7, by what there is after a creation.
struct VMsStayInBudget: Oracle {
    static let name = "S7 VMs stay in budget"

    func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.effect.kind == .createVM else { return nil }
        let fleet = request.process.fleet
        let owned = world.machines.count { $0.tags.contains(fleet.cluster.tag) }
        return owned > fleet.limits.maxVMs ? "\(owned) exist, the limit is \(fleet.limits.maxVMs)" : nil
    }
}
