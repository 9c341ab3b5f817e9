import FleetCore
import K3s
import Reconciler

/// S6: what is written down is begun, whether it is sent or not, and given up by nothing else. What was begun for a file that has changed since
/// is brought to its end.
struct RemovalsStayInBudget: Oracle {
    static let name = "S6 removals stay in budget"

    /// Nodes that a removal was begun on and that no ledger has given back since.
    private var leaving: Set<String> = []

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        // Asked for again, by a process that knows nothing of a removal, and not cordoned by it.
        if let setup = request.effect.setup, !world.isCordoned(setup.name) { leaving.remove(setup.name) }
        return nil
    }

    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        if request.effect.kind == .uncordon, !world.isCordoned(request.effect.subject),
            world.desks[request.process.desk].ledger?.nodes[request.effect.subject]?.leaveStage == nil
        {
            leaving.remove(request.effect.subject)
        }
        return nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .vanished(let name, _): leaving.remove(name)
        case .saved(let ledger, let last, let id): return judge(ledger, replacing: last?.nodes ?? [:], world.processes[id], world, history)
        default: break
        }
        return nil
    }

    private mutating func judge(
        _ ledger: Ledger, replacing last: [String: NodeRecord], _ process: WorldState.ProcessRecord, _ world: WorldState,
        _ history: History
    ) -> String? {
        // As in nearly every trial.
        if leaving.isEmpty, !ledger.nodes.values.contains(where: { $0.leaveStage != nil }) { return nil }
        for name in leaving where last[name]?.leaveStage != nil {
            if let record = ledger.nodes[name], record.leaveStage == nil { leaving.remove(name) }
        }
        guard process.mode == .apply else { return nil }
        var complaint: String?
        for (name, record) in ledger.nodes where record.leaveStage != nil && last[name]?.leaveStage == nil && world.at(name) != nil {
            guard leaving.insert(name).inserted else { continue }
            let counted = leaving.filter { counts($0, ledger, process.fleet, world, history) }
            let limit = process.fleet.limits.deletionsPerPass
            if counted.count > limit { complaint = "\(counted.sorted()) are on their way out, the limit is \(limit)" }
        }
        return complaint
    }

    private func counts(_ name: String, _ ledger: Ledger, _ fleet: DesiredFleet, _ world: WorldState, _ history: History) -> Bool {
        let removal = ledger.nodes[name]?.leaveStage
        // Of one that was wanted again only the cordon was left.
        if removal == .returning, !world.isCordoned(name) { return false }
        // One that cannot be emptied serves on, and keeps nobody waiting.
        if removal == .begun, world.keepsItsPods(name) { return false }
        // What another machine had begun, or a lost write knew, is not in this ledger.
        if removal == nil, world.hidesFromTheLedger { return false }
        return !history.passesForGone(name) && world.at(name) != nil && !fleet.nodes.contains { $0.name == name }
    }
}
