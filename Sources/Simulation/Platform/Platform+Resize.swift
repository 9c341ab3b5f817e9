import K3s

extension Platform {
    func resize(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let (cpu, memory, disk) = (call.value("cpu"), call.value("memory"), call.value("disk"))
        let outcome = try change { account throws(AccountRefusal) in
            try account.resize(vm.name, cpu: cpu, memory: memory, disk: disk)
        }
        let (before, after) = (outcome.before, outcome.after)
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))]
        if cpu != nil {
            fields += [("old_cpus", .string((before.next ?? before.make).cpu)), ("new_cpus", .string((after.next ?? after.make).cpu))]
        }
        if memory != nil {
            let now = (before.next ?? before.make).memory
            fields += [("old_memory", .string(now)), ("new_memory", .string((after.next ?? after.make).memory))]
        }
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
