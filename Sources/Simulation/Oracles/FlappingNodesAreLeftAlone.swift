import FleetCore
import K3s
import Reconciler

/// A node that comes and goes is neither started again nor emptied nor made anew for that (facts/peers.md, "Node Ready flapping").
struct FlappingNodesAreLeftAlone: Oracle {
    static let name = "flapping nodes are left alone"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let (node, process) = (request.effect.subject, request.process)
        guard process.mode == .apply, let machine = world.machine(node), machine.isFlapping(now: world.now),
            let want = process.fleet.nodes.first(where: { $0.name == node }), machine.vm.make.image == want.vm.image,
            !history.misjudged.contains(node), !world.isBeingReplaced(node, by: process)
        else { return nil }
        switch request.effect.kind {
        case .restart, .startVM, .createVM, .cordon, .drain, .stop, .deleteNode, .removeVM: return "it is there, and comes and goes"
        default: return nil
        }
    }
}
