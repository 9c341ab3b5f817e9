import FleetCore
import Reconciler

/// S1: ownership is on the VM and in the ledger on disk; destroy asks for the tag alone, since the operator typed the name.
struct OwnAndRecordedVMsOnly: Oracle {
    static let name = "S1 only own and recorded VMs are removed"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let (name, process) = (request.effect.subject, request.process)
        guard request.effect.action.isDestructive else { return nil }
        if world.wasReplacedUnseen(name, by: process) { return nil }
        if let machine = world.machine(name), !machine.tags.contains(process.fleet.cluster.tag) { return "the VM has not our tag" }
        // Also of a Node whose VM is gone, which may be somebody else's.
        let isUnknown = world.desks[process.desk].ledger?.nodes[name] == nil
        return process.mode == .apply && isUnknown ? "the ledger does not know it" : nil
    }
}
