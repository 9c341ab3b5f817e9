import FleetCore
import K3s
import Reconciler

/// When the oracles are asked, and what they remember of the answer.
extension WorldState {
    /// Everything that is checked when an effect is sent.
    mutating func judge(_ effect: Effect, by id: Int) {
        for complaint in complaints(about: effect, by: id) { violate(complaint) }
        remember(effect, by: id)
    }

    private mutating func remember(_ effect: Effect, by id: Int) {
        if effect.kind == .install {
            noteService(of: effect.subject)
            if isMember(effect.subject) { memory.remade.remove(effect.subject) } else { memory.remade.insert(effect.subject) }
        }
        let mark = OracleMemory.Mark(processes[id].desk, effect.subject)
        if effect.action.isDestructive { memory.takenDown.insert(mark) }
        if effect.kind == .createVM || effect.kind == .uncordon { memory.takenDown.remove(mark) }
        // Wanted again, by whoever knows nothing of a removal, and not cordoned by it.
        if let setup = effect.setup, !isCordoned(setup.name) { memory.leaving.remove(setup.name) }
    }

    /// S6: what is written down is begun, whether it is sent or not, and given up by nothing else. What was begun for a file that has changed since
    /// is brought to its end.
    mutating func judgeRemovals(in ledger: Ledger, by id: Int) {
        // As in nearly every trial.
        if memory.leaving.isEmpty, !ledger.nodes.values.contains(where: { $0.leaveStage != nil }) { return }
        let former = desks[processes[id].desk].ledger?.nodes ?? [:]
        for name in memory.leaving where former[name]?.leaveStage != nil {
            if let record = ledger.nodes[name], record.leaveStage == nil { memory.leaving.remove(name) }
        }
        guard processes[id].mode == .apply else { return }
        for (name, record) in ledger.nodes where record.leaveStage != nil && former[name]?.leaveStage == nil && at(name) != nil {
            guard memory.leaving.insert(name).inserted else { continue }
            let fleet = processes[id].fleet
            // What another machine had begun, or a lost write knew, is not in this ledger.
            let isIgnorant = struck.contains(where: \.kind.hidesFromTheLedger)
            let leaving = memory.leaving.filter { other in
                let removal = ledger.nodes[other]?.leaveStage
                // Of one that was wanted again only the cordon was left.
                guard removal != .returning || isCordoned(other), removal != nil || !isIgnorant else { return false }
                return !passesForGone(other) && at(other) != nil && !fleet.nodes.contains { $0.name == other }
            }
            let limit = fleet.limits.deletionsPerPass
            guard leaving.count > limit else { continue }
            violate("S6 removals stay in budget: \(leaving.sorted()) are on their way out, the limit is \(limit)")
        }
    }

    private func complaints(about effect: Effect, by id: Int) -> [String] {
        let process = processes[id]
        var complaints: [String] = []
        for oracle in Oracle.all {
            guard let complaint = oracle.complaint(effect, process, id, self) else { continue }
            complaints.append("\(oracle.name): \(effect.words): \(complaint)")
        }
        return complaints
    }

    /// What must be true of the world after an effect: S7, VMs in their budget, and S8, one VM a name.
    mutating func judgeResult(of effect: Effect, by id: Int) {
        let fleet = processes[id].fleet
        if effect.kind == .createVM {
            let owned = machines.count { $0.tags.contains(fleet.cluster.tag) }
            if owned > fleet.limits.maxVMs { violate("S7 VMs stay in budget: \(owned) exist, the limit is \(fleet.limits.maxVMs)") }
        }
        if memory.creations.values.contains(where: { $0 > 1 }) { violate("S8 no duplicate VM: \(effect.words)") }
        if let setup = effect.setup { memory.restarted[setup.name] = machine(setup.name)?.unit?.startedAt }
        if effect.kind == .uncordon, !isCordoned(effect.subject), desks[processes[id].desk].ledger?.nodes[effect.subject]?.leaveStage == nil
        {
            memory.leaving.remove(effect.subject)
        }
    }

    /// S4: a second founding under one cluster id, once anybody could rely on the first.
    mutating func foundedCluster(on name: String, _ clusterID: String) {
        memory.foundings[clusterID, default: 0] += 1
        guard memory.foundings[clusterID]! > 1, disk?.clusterID == clusterID else { return }
        let agentsOfOld = memory.joined.contains { !$0.hasPrefix("\(clusters.count - 1)/") && !$0.hasSuffix("/" + name) }
        if disk?.caHash != nil || agentsOfOld { violate("S4 founded at most once: \(name) founds \(clusterID) again") }
    }

    mutating func violate(_ text: String) {
        note("VIOLATION \(text)")
        if violations.count < 20 { violations.append(text) }
    }
}
