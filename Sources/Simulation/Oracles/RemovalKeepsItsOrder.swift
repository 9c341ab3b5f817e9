import FleetCore
import Reconciler

/// S9: drain, then stop, then the node, then the VM.
struct RemovalKeepsItsOrder: Oracle {
    static let name = "S9 removal keeps its order"

    /// Nodes that hold no pods any more.
    private var drained: Set<String> = []

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let effect = request.effect
        guard request.process.mode == .apply, effect.action.isDestructive, let machine = world.machine(effect.subject),
            world.isMember(machine.name), !world.wasReplacedUnseen(machine.name, by: request.process)
        else { return nil }
        switch effect.kind {
        case .stop where !drained.contains(machine.name): return "stopped before it was drained"
        // Of two that vote both must run when the member of one goes.
        case .deleteNode where machine.unit != nil && !effect.sparesTheLiving && !world.isOneOfTwoVoters(machine.name):
            return "its node is deleted while k3s runs"
        // The reading may have been on its way for half a minute; the node that comes meanwhile is deleted after its VM.
        case .removeVM where !history.hasJustCome(machine, to: request.id, now: world.now, within: 40):
            return "the VM is removed while its node is in the cluster"
        default: return nil
        }
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .drained(let name): drained.insert(name)
        case .uncordoned(let name), .vanished(let name, _): drained.remove(name)
        default: break
        }
        return nil
    }
}
