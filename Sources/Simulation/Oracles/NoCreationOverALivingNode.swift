import FleetCore
import Reconciler

/// S8: exe.dev's names are unique, so a second VM cannot come to be; that one is asked for is wrong all the same.
struct NoCreationOverALivingNode: Oracle {
    static let name = "S8 no creation over a living node"

    /// VMs whose creation was answered to a process.
    private var made: Set<Mark> = []

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.effect.kind == .createVM else { return nil }
        let name = request.effect.subject
        // Where it has the name already a second one is refused, which is how anybody finds out.
        let isUnderWay = world.late.contains { $0.effect.kind == .createVM && $0.effect.subject == name && !$0.reservesName }
        // What is not in the ledger cannot be waited for; exe.dev refuses it then.
        if isUnderWay, !world.hidesFromTheLedger, !world.hasLostCount(request.id) { return "an earlier one is still under way at exe.dev" }
        if made.contains(Mark(request.id, name)), world.machine(name) != nil, !history.misjudged.contains(name) {
            return "exe.dev answered this very process that its VM is there"
        }
        guard world.machine(name)?.unit?.registeredAt != nil, world.apiServer != nil, !history.passesForGone(name),
            !world.hadDamage
        else { return nil }
        return "its VM and its node are alive"
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        if case .answered(let effect, let id, isDone: true) = occurrence, effect.kind == .createVM { made.insert(Mark(id, effect.subject)) }
        return nil
    }
}
