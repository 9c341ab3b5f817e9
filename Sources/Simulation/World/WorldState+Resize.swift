import FleetCore
import K3s
import Reconciler

/// Another size of a VM, by exe.dev and on its host.
extension WorldState {
    mutating func resize(_ step: ResizeVM) -> Swift.Result<EffectReply, EffectError> {
        let sizes = step.sizes
        var outcome: ResizeOutcome?
        let reply = asked { world throws(AccountRefusal) in
            outcome = try world.account.resize(
                step.node, cpu: sizes.cpu.map { "\($0)" }, memory: sizes.memory, disk: sizes.disk)
        }
        guard let outcome else { return reply }
        let approval = outcome.pendingDisk.map {
            DiskApproval(
                requestedBytes: VirtualMachine.bytes($0), selfServeBytes: VirtualMachine.bytes(account.selfServeDisk), reasons: ["per_vm"])
        }
        return .success(.resized(approval))
    }

    func flushing(_ index: Int) -> [HostStep] {
        [
            { world in
                world.machines[index].isFlushed = false
                world.settle()
                world.machines[index].unit = nil
                return nil
            },
            Self.sync(index),
            { world in
                world.machines[index].isFlushed = true
                return nil
            },
        ]
    }

    /// Somebody resizes a VM and restarts it, so long ago that it is up.
    mutating func resizeByHand(_ name: String, cpu: String? = nil, memory: String? = nil, disk: String? = nil) {
        guard let index = at(name) else { return }
        machines[index].vm.isRemade(cpu: cpu, memory: memory, disk: disk)
        noteList()
    }

    /// From now on lists tell sizes so.
    mutating func list(_ sizes: ListedSizes, of name: String? = nil) {
        for index in machines.indices where name == nil || machines[index].name == name { machines[index].vm.listedSizes = sizes }
        noteList()
    }
}
