import FleetCore
import Reconciler

/// S3: apply never takes a server away.
struct ServersAreNotTakenDown: Oracle {
    static let name = "S3 servers are not taken down"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.process.mode == .apply, request.effect.action.isDestructive else { return nil }
        return world.machine(request.effect.subject)?.disk.serverData != nil ? "it is a server" : nil
    }
}
