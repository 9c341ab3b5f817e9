import K3s

/// What the fleet file asks of a VM and the VM is not.
package struct VMSpecChange: Sendable, Hashable {
    /// The field of the fleet file.
    package var field: String
    /// As the VM is; a size that exe.dev tells in bytes is rounded.
    package var from: String
    package var to: String

    package init(field: String, from: String, to: String) { (self.field, self.from, self.to) = (field, from, to) }
}

extension VMSpec {
    /// In what a VM differs from this. `made`: what it was made with, as far as the ledger knows. `size`: what exe.dev tells, which is believed where
    /// it tells anything: somebody may have resized the VM.
    func changes(made: VMSpec?, size: VMFields.Size) -> [VMSpecChange] {
        [
            size.cpu.map { cpu == $0 ? nil : VMSpecChange(field: "cpu", from: "\($0)", to: "\(cpu)") }
                ?? Self.change("cpu", "\(cpu)", made.map { "\($0.cpu)" }, cpu == made?.cpu),
            Self.capacity("memory", memory, made?.memory, size.memoryBytes), Self.capacity("disk", disk, made?.disk, size.diskBytes),
        ].compactMap(\.self)
    }

    /// Whether a list that tells this shows this spec.
    func fits(_ size: VMFields.Size) -> Bool { Self.fits(size, VMSizes(cpu: cpu, memory: memory, disk: disk)) }

    /// Of what the list does not tell nothing differs.
    static func fits(_ size: VMFields.Size, _ sizes: VMSizes) -> Bool {
        func shows(_ bytes: Int?, _ wish: String?) -> Bool { bytes.flatMap { bytes in wish.map { fits(bytes, $0) } } ?? true }
        let isSameCPU = size.cpu.flatMap { told in sizes.cpu.map { told == $0 } } ?? true
        return isSameCPU && shows(size.memoryBytes, sizes.memory) && shows(size.diskBytes, sizes.disk)
    }

    static func isSame(_ one: String, _ other: String) -> Bool { megabytes(one) == megabytes(other) }

    /// The VM's disk is larger than this one, and disks do not shrink.
    func shrinksDisk(made: VMSpec?, size: VMFields.Size) -> Bool {
        if let bytes = size.diskBytes, !Self.fits(bytes, disk) { return Double(bytes) > Self.megabytes(disk) * 0x1p20 }
        return made.map { Self.megabytes($0.disk) > Self.megabytes(disk) } ?? false
    }

    mutating func take(_ sizes: VMSizes) {
        (cpu, memory, disk) = (sizes.cpu ?? cpu, sizes.memory ?? memory, sizes.disk ?? disk)
    }

    private static func change(_ field: String, _ wish: String, _ made: String?, _ isSame: Bool) -> VMSpecChange? {
        guard let made, !isSame else { return nil }
        return VMSpecChange(field: field, from: made, to: wish)
    }

    private static func capacity(_ field: String, _ wish: String, _ made: String?, _ bytes: Int?) -> VMSpecChange? {
        let isSame = made.map { megabytes($0) == megabytes(wish) } ?? true
        guard let bytes else { return change(field, wish, made, isSame) }
        guard fits(bytes, wish) else {
            // In its own words where the list agrees with them.
            let known = made.flatMap { fits(bytes, $0) ? $0 : nil }
            return VMSpecChange(field: field, from: known ?? rounded(bytes), to: wish)
        }
        // Two sizes may be so close that the bytes fit both.
        return made.map { fits(bytes, $0) } ?? false ? change(field, wish, made, isSame) : nil
    }

    /// exe.dev counts in units of 1000 for some VMs and of 1024 for others (pulumi, Jul 2026).
    private static func fits(_ bytes: Int, _ size: String) -> Bool {
        let (number, power) = parts(size)
        func total(_ unit: Double) -> Double { number * (power == 3 ? unit * unit * unit : unit * unit) }
        return (total(1000) * 0.98...total(1024) * 1.02).contains(Double(bytes))
    }

    private static func megabytes(_ size: String) -> Double {
        let (number, power) = parts(size)
        return power == 3 ? number * 1024 : number
    }

    /// The number, and 3 for gigabytes or 2 for megabytes.
    private static func parts(_ size: String) -> (Double, Int) {
        (Double(size.prefix { $0.isNumber }) ?? 0, size.contains("G") ? 3 : 2)
    }

    static func rounded(_ bytes: Int) -> String {
        bytes >= 1 << 30 ? "about \(Int((Double(bytes) / 0x1p30).rounded()))GB" : "about \(bytes >> 20)MB"
    }
}
