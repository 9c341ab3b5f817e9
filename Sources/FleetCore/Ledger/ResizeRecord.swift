import K3s

/// What exe.dev was asked to make of a VM's size, until its list shows it.
package struct ResizeRecord: Sendable, Hashable, Codable {
    package enum Stage: String, Sendable, Hashable, Codable {
        /// `resize` was sent, and its answer is not known.
        case asked
        /// exe.dev said yes.
        case answered
        /// k3s was told to stop, for the restart that brings cpu and memory.
        case stopping
        /// `restart` was sent, and whether the VM went through it is not known.
        case restarting
        /// Nothing is left to do but to see it in the list.
        case done
    }

    package var sizes: VMSizes
    package var stage = Stage.asked
    /// Seconds since 1970.
    package var doneAt: Double?
    /// exe.dev wants to approve the disk first.
    package var approval: DiskApproval?

    package init(sizes: VMSizes) { self.sizes = sizes }
}

/// Sizes of a VM in the fleet file's spelling, as far as somebody asked for them.
package struct VMSizes: Sendable, Hashable, Codable {
    package var cpu: Int?
    package var memory: String?
    package var disk: String?

    package init(cpu: Int? = nil, memory: String? = nil, disk: String? = nil) { (self.cpu, self.memory, self.disk) = (cpu, memory, disk) }

    /// Of a spec, those that differ.
    init(_ changes: [VMSpecChange]) {
        for change in changes {
            switch change.field {
            case "cpu": cpu = Int(change.to)
            case "memory": memory = change.to
            case "disk": disk = change.to
            default: break
            }
        }
    }

    /// cpu and memory count from the next restart on (facts/exedev.md §1.2).
    package var needRestart: Bool { cpu != nil || memory != nil }

    subscript(field: String) -> String? {
        switch field {
        case "cpu": cpu.map { "\($0)" }
        case "memory": memory
        case "disk": disk
        default: nil
        }
    }

    func merged(over other: VMSizes) -> VMSizes {
        VMSizes(cpu: cpu ?? other.cpu, memory: memory ?? other.memory, disk: disk ?? other.disk)
    }
}

/// What exe.dev said of a disk that it does not grow by itself.
package struct DiskApproval: Sendable, Hashable, Codable {
    package var requestedBytes: Int?
    /// How large a disk may become without asking.
    package var selfServeBytes: Int?
    /// `per_vm`, `host`.
    package var reasons: [String]

    package init(requestedBytes: Int?, selfServeBytes: Int?, reasons: [String]) {
        (self.requestedBytes, self.selfServeBytes, self.reasons) = (requestedBytes, selfServeBytes, reasons)
    }
}

// MARK: what the ledger learns

extension Ledger {
    mutating func resizeSent(_ node: String, _ sizes: VMSizes) {
        change(node) { instance in
            let before = instance.resize?.stage == .done ? VMSizes() : instance.resize?.sizes ?? VMSizes()
            instance.resize = ResizeRecord(sizes: sizes.merged(over: before))
            instance.otherSizeSince = nil
        }
    }

    /// Nothing came of it.
    mutating func resizeRefused(_ node: String) {
        change(node) { if $0.resize?.stage == .asked { $0.resize = nil } }
    }

    mutating func resizeAnswered(_ node: String, _ approval: DiskApproval?, at now: Double) {
        change(node) { instance in
            instance.resize?.stage = .answered
            instance.resize?.approval = approval
            if approval == nil { instance.spec?.take(VMSizes(disk: instance.resize?.sizes.disk)) }
            if instance.resize?.sizes.needRestart == false { instance.resize?.end(at: now) }
        }
    }

    mutating func resizeReached(_ stage: ResizeRecord.Stage, _ node: String) {
        change(node) { $0.resize?.stage = stage }
    }

    /// The VM came up with its new size.
    mutating func resizeRestarted(_ node: String, at now: Double) { change(node) { $0.resizeRestarted(at: now) } }
}

extension Instance {
    /// What the list says of its size, without what it has said since the VM had the size of `spec`.
    func reportedSize(_ size: VMFields.Size) -> VMFields.Size {
        let asked = resize?.sizes ?? VMSizes()
        func new(_ part: KeyPath<VMFields.Size, Int?>, isAsked: Bool) -> Int? {
            !isAsked && size[keyPath: part] == listedSize?[keyPath: part] ? nil : size[keyPath: part]
        }
        return VMFields.Size(
            cpu: new(\.cpu, isAsked: asked.cpu != nil), memoryBytes: new(\.memoryBytes, isAsked: asked.memory != nil),
            diskBytes: new(\.diskBytes, isAsked: asked.disk != nil))
    }

    mutating func resizeRestarted(at now: Double) {
        guard let sizes = resize?.sizes else { return }
        spec?.take(VMSizes(cpu: sizes.cpu, memory: sizes.memory))
        resize?.end(at: now)
    }

    /// What exe.dev's list and the host tell of its size. `want`: as the file asks for it. `listedAt`: when the list was asked for.
    mutating func learnSize(of vm: ObservedVM, _ host: ObservedHost?, want: VMSpec, listedAt: Double?, now: Double) {
        if resize?.stage == .restarting, case .probed(let probe)? = host, !probe.isFlushed { resizeRestarted(at: now) }
        if let resize {
            self.resize = resize.outstanding(vm.size, want, listedAt)
            // Whatever became of the answer.
            if self.resize == nil, VMSpec.fits(vm.size, resize.sizes) { spec?.take(resize.sizes) }
            if self.resize == nil { listedSize = nil }
        }
        if resize == nil, listedSize == nil, spec != nil, vm.size != VMFields.Size() { listedSize = vm.size }
        let isOther = resize == nil && spec.map { !$0.fits(reportedSize(vm.size)) } ?? false
        guard isOther else { return otherSizeSince = nil }
        if let listedAt { otherSizeSince = min(otherSizeSince ?? listedAt, listedAt) }
    }
}

extension ResizeRecord {
    fileprivate mutating func end(at now: Double) { (stage, doneAt) = (.done, now) }

    /// Nil when nothing has to be remembered of it any more.
    fileprivate func outstanding(_ size: VMFields.Size, _ want: VMSpec, _ listedAt: Double?) -> ResizeRecord? {
        var record = self
        // A disk is never asked for again once the file takes it back.
        if let disk = sizes.disk, !VMSpec.isSame(disk, want.disk) { (record.sizes.disk, record.approval) = (nil, nil) }
        if record.sizes == VMSizes() { return nil }
        let isShown = VMSpec.fits(size, record.sizes)
        switch stage {
        case .done:
            guard let listedAt, let doneAt, listedAt > doneAt, isShown else { return record }
            return record.approval != nil && size.diskBytes == nil ? record : nil
        case .asked: return !record.sizes.needRestart && isShown && size.diskBytes != nil ? nil : record
        case .answered, .stopping, .restarting: return record
        }
    }
}
