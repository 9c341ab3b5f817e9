import FleetCore
import K3s
import Reconciler

/// S5.
struct DataBearingVMsAreNotRecreated: Oracle {
    static let name = "S5 data-bearing VMs are not re-created"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.effect.kind == .createVM, world.disk?.caHash != nil else { return nil }
        let isServer = request.process.fleet.nodes.contains { $0.name == request.effect.subject && $0.role == .server }
        return isServer ? "the cluster's data were on it" : nil
    }
}
