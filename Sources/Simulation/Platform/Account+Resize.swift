import K3s

/// Which sizes a list tells, of a VM that was resized and has not restarted: nothing public says.
package enum ListedSizes: String, Codable, Sendable { case untold, asNext, forever }

/// What became of a resize.
struct ResizeOutcome: Sendable {
    var before: VirtualMachine
    var after: VirtualMachine
    /// The disk that somebody has to approve first.
    var pendingDisk: String?
}

extension Account {
    /// cpu and memory count from the next restart on; a disk grows at once, and never shrinks (facts/exedev.md §1.2).
    mutating func resize(_ name: String, cpu: String?, memory: String?, disk: String?) throws(AccountRefusal) -> ResizeOutcome {
        let place = try find(name)
        let before = hosts[place].vm
        guard cpu != nil || memory != nil || disk != nil else { throw .invalid("nothing to resize: use --cpu, --memory or --disk") }
        if let cpu, (Int(cpu) ?? 0) < 1 { throw .invalid("invalid --cpu") }
        if let cpu, (Int(cpu) ?? 0) > largestCPU { throw .invalid("\(cpu) CPUs exceed the quota of your plan") }
        for size in [memory, disk].compactMap(\.self) where VirtualMachine.bytes(size) == nil { throw .invalid("invalid size \"\(size)\"") }
        var vm = before
        var pending: String?
        if let disk, let wish = VirtualMachine.bytes(disk), let has = VirtualMachine.bytes(before.make.disk) {
            guard wish >= has else { throw .invalid("disk can only grow: it has \(before.make.disk)") }
            if wish > VirtualMachine.bytes(selfServeDisk) ?? .max { pending = disk } else { vm.grow(disk) }
        }
        if cpu != nil || memory != nil {
            var next = vm.next ?? vm.make
            (next.cpu, next.memory) = (cpu ?? next.cpu, memory ?? next.memory)
            vm.next = next
        }
        hosts[place].vm = vm
        return ResizeOutcome(before: before, after: vm, pendingDisk: pending)
    }
}

extension VirtualMachine {
    fileprivate mutating func grow(_ disk: String) {
        make.disk = disk
        next?.disk = disk
    }

    /// Somebody resized it and restarted it.
    mutating func isRemade(cpu: String? = nil, memory: String? = nil, disk: String? = nil) {
        (make.cpu, make.memory, make.disk, next) = (cpu ?? make.cpu, memory ?? make.memory, disk ?? make.disk, nil)
    }

    /// As its list tells them.
    var listedMake: Make? {
        switch listedSizes {
        case .untold?: nil
        case .asNext?: (next ?? make).value
        case .forever?: Make()
        case nil: make.value
        }
    }

    /// exe.dev's GB are of 1000 for some VMs and of 1024 for others (pulumi, Jul 2026).
    func listedBytes(_ size: String) -> Int? { Self.bytes(size, unit: index % 2 == 0 ? 1024 : 1000) }

    static func bytes(_ size: String, unit: Int = 1024) -> Int? {
        guard let match = size.wholeMatch(of: /([1-9][0-9]*)(G|GB|M|MB)?/), let number = Int(match.1) else { return nil }
        return number * unit * unit * (match.2?.hasPrefix("M") == true ? 1 : unit)
    }
}
