import FleetCore
import K3s

/// Only users that the file names have access at the end: a run without faults may have the same flaw, so it is no measure.
struct GrantsFollowTheFile: EndOracle {
    static let name = "sharing"

    func complaint(about end: WorldState, of trial: Trial) -> String? {
        // The grants of another machine with another file, or of a write that was lost, are not in this ledger.
        guard trial.scenario.ending == .settled, !end.hadRival, !(end.hadDamage && end.hadEdit) else { return nil }
        // A node that is somebody else's holds up what a damaged ledger would do again.
        if end.hadDamage, end.machines.contains(where: { $0.theirsSince != nil }) { return nil }
        for node in trial.scenario.after.nodes {
            guard let machine = end.machine(node.name), machine.theirsSince == nil else { continue }
            if let comment = node.vm.comment, machine.vm.comment != comment { return "\(node.name) has the comment \(machine.vm.comment)" }
            let wanted = node.share ?? .initial
            let strange = Set(machine.share.users).subtracting(wanted.users)
            if !strange.isEmpty { return "\(strange.sorted()) still have access to \(node.name)" }
            if machine.share.isPublic != wanted.isPublic { return "\(node.name) is \(wanted.isPublic ? "not " : "")public" }
        }
        return nil
    }
}
