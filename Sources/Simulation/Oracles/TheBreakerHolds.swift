import FleetCore
import K3s
import Reconciler

/// S15: unattended, with two VMs and more than a third gone at once, none is made again.
struct TheBreakerHolds: Oracle {
    static let name = "S15 the breaker holds"

    /// What a machine of the daemon has begun to take down and has not made again or given back.
    private var takenDown: Set<Mark> = []

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        defer { remember(request) }
        let process = request.process
        guard request.effect.kind == .createVM, !process.isAttended, let disk = world.desks[process.desk].ledger else {
            return nil
        }
        // What we had begun to take down ourselves is no loss; of the one that is asked for the ledger does not tell it any more.
        let known = process.fleet.nodes.map { $0.name }.filter { name in
            disk.nodes[name]?.createdAt != nil && disk.nodes[name]?.leaveStage == nil && !takenDown.contains(Mark(process.desk, name))
        }
        // After a list of before, fewer may seem to be gone.
        guard history.misjudged.isDisjoint(with: known) else { return nil }
        let gone = known.count { world.machine($0) == nil }
        return known.contains(request.effect.subject) && gone >= 2 && gone * 3 > known.count ? "\(gone) of \(known.count) are gone" : nil
    }

    private mutating func remember(_ request: Request) {
        let (mark, step) = (Mark(request.process.desk, request.effect.subject), request.effect.kind)
        if step.isDestructive { takenDown.insert(mark) }
        if step == .createVM || step == .uncordon { takenDown.remove(mark) }
    }
}
