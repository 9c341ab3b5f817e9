import FleetCore
import Reconciler

/// A node password is taken away only from a machine that is no more: the kubelet of a deleted node does not come back by itself.
struct TheLivingAreNotForgotten: Oracle {
    static let name = "the living are not forgotten"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard case .purgeIdentity(let step) = request.effect.action, world.isMember(step.node), let machine = world.machine(step.node),
            machine.unit?.registeredAt != nil, step.sparing != machine.overlayAddress
        else { return nil }
        return "its machine is in the cluster"
    }
}
