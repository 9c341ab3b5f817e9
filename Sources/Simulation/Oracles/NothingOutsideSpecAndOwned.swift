import FleetCore
import K3s
import Reconciler

/// S2.
struct NothingOutsideSpecAndOwned: Oracle {
    static let name = "S2 nothing outside spec and owned"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let (effect, fleet) = (request.effect, request.process.fleet)
        if case .createVM(let step) = effect.action {
            guard fleet.nodes.contains(where: { $0.name == step.node }) else { return "no pool asks for it" }
            return step.ownerTag == fleet.cluster.tag ? nil : "it is created without our tag"
        }
        func isForeign(_ name: String) -> Bool {
            guard let machine = world.machine(name), !machine.tags.contains(fleet.cluster.tag) else { return false }
            return !world.wasReplacedUnseen(name, by: request.process)
        }
        if isForeign(effect.subject) { return "\(effect.subject) is not ours" }
        guard let host = effect.host, isForeign(host) else { return nil }
        return "\(host) is not ours"
    }
}

extension WorldState {
    /// An excuse: exe.dev takes names, and the last list that the process has is older than the VM that bears this one now.
    func wasReplacedUnseen(_ name: String, by process: ProcessRecord) -> Bool {
        machine(name)?.theirsSince.map { process.knowsAsOf < $0 } ?? false
    }
}
