import K3s

extension Platform {
    func resize(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let (cpu, memory, disk) = (call.value("cpu"), call.value("memory"), call.value("disk"))
        if let memory { try Self.check(memory, "memory", floor: VirtualMachine.leastMemory) }
        let outcome = try change { account throws(AccountRefusal) in
            try account.resize(vm.name, cpu: cpu, memory: memory, disk: disk)
        }
        let (before, after) = (outcome.before, outcome.after)
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))]
        let (old, new) = (before.next ?? before.make, after.next ?? after.make)
        func number(_ text: String) -> JSON { Int(text).map(JSON.number) ?? .null }
        func bytes(_ size: String) -> JSON { after.listedBytes(size).map(JSON.number) ?? .null }
        if cpu != nil { fields += [("old_cpus", number(old.cpu)), ("new_cpus", number(new.cpu))] }
        if memory != nil { fields += [("old_memory", bytes(old.memory)), ("new_memory", bytes(new.memory))] }
        if disk != nil { fields += told(outcome) }
        return .object(fields)
    }

    private func told(_ outcome: ResizeOutcome) -> [(String, JSON)] {
        func bytes(_ size: String) -> JSON { outcome.after.listedBytes(size).map(JSON.number) ?? .null }
        guard let pending = outcome.pendingDisk else {
            return [("disk_old_bytes", bytes(outcome.before.make.disk)), ("disk_new_bytes", bytes(outcome.after.make.disk))]
        }
        return [
            ("disk_resize_pending_approval", true), ("disk_capacity_bytes", bytes(outcome.before.make.disk)),
            ("requested_disk_bytes", bytes(pending)), ("self_serve_max_disk_bytes", bytes(account.selfServeDisk)),
            ("approval_reasons", .strings(["per_vm"])),
        ]
    }

    /// As `ls -l` has them (swamp, cert, pulumi; 2026).
    func sizes(of vm: VirtualMachine) -> [(String, JSON)] {
        guard let make = vm.listedMake else { return [] }
        var fields: [(String, JSON)] = []
        if let cpu = Int(make.cpu) { fields.append(("allocated_cpus", .number(cpu))) }
        if let memory = vm.listedBytes(make.memory) { fields.append(("memory_capacity_bytes", .number(memory))) }
        if let disk = vm.listedBytes(make.disk) { fields.append(("disk_capacity_bytes", .number(disk))) }
        return fields
    }
}
