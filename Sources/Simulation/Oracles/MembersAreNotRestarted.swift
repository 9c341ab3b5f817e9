import FleetCore
import K3s
import Reconciler

/// k3s is started again where its node is missing, and nowhere else: what a restart of a member costs is counted with the installs.
struct MembersAreNotRestarted: Oracle {
    static let name = "members are not restarted"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let node = request.effect.subject
        guard request.effect.kind == .restart, world.isMember(node), !world.hasLostCount(request.id) else {
            return nil
        }
        // The answers of the cluster and of the host may have been on their way for half a minute each.
        if let machine = world.machine(node), history.hasJustCome(machine, to: request.id, now: world.now, within: 60) { return nil }
        return "its node is in the cluster"
    }
}
