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
        if case .order(.install(let setup), _) = request.effect, !world.isCordoned(setup.name) { leaving.remove(setup.name) }
        return nil
    }

    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        if case .order(.uncordon(let node), _) = request.effect, !world.isCordoned(node),
            world.desks[request.process.desk].ledger?.vms[node]?.removal == nil
        {
            leaving.remove(node)
        }
        return nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .vanished(let name, _): leaving.remove(name)
        case .saved(let ledger, let last, let id): return judge(ledger, replacing: last?.vms ?? [:], world.processes[id], world, history)
        default: break
        }
        return nil
    }

    private mutating func judge(
        _ ledger: Ledger, replacing last: [String: Ledger.VMRecord], _ process: WorldState.ProcessRecord, _ world: WorldState,
        _ history: History
    ) -> String? {
        // As in nearly every trial.
        if leaving.isEmpty, !ledger.vms.values.contains(where: { $0.removal != nil }) { return nil }
        for name in leaving where last[name]?.removal != nil {
            if let record = ledger.vms[name], record.removal == nil { leaving.remove(name) }
        }
        guard process.mode == .apply else { return nil }
        var complaint: String?
        for (name, record) in ledger.vms where record.removal != nil && last[name]?.removal == nil && world.at(name) != nil {
            guard leaving.insert(name).inserted else { continue }
            let counted = leaving.filter { counts($0, ledger, process.fleet, world, history) }
            let limit = process.fleet.limits.deletionsPerPass
            if counted.count > limit { complaint = "\(counted.sorted()) are on their way out, the limit is \(limit)" }
        }
        return complaint
    }

    private func counts(_ name: String, _ ledger: Ledger, _ fleet: DesiredFleet, _ world: WorldState, _ history: History) -> Bool {
        let removal = ledger.vms[name]?.removal
        // Of one that was wanted again only the cordon was left.
        if removal == .returning, !world.isCordoned(name) { return false }
        // What another machine had begun, or a lost write knew, is not in this ledger.
        if removal == nil, world.hidesFromTheLedger { return false }
        return !history.passesForGone(name) && world.at(name) != nil && !fleet.nodes.contains { $0.name == name }
    }
}
