import FleetCore
import K3s
import Reconciler

/// S5.
struct DataBearingVMsAreNotRecreated: Oracle {
    static let name = "S5 data-bearing VMs are not re-created"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.effect.kind == .createVM, world.disk?.caHash != nil else { return nil }
        let isServer = request.process.fleet.nodes.contains { $0.name == request.effect.subject && $0.role == .server }
        // One that is to join has none yet, or was taken out with its member.
        let name = request.effect.subject
        let isKnown = world.clusters.contains { $0.nodes[name]?.registration.isServer == true || $0.etcd?.members[name] != nil }
        return isServer && isKnown ? "the cluster's data were on it" : nil
    }
}
