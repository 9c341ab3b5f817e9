import Foundation
import K3s

/// `stat`: what a VM has used, sample by sample.
extension Platform {
    struct Sample: Sendable {
        var time: Double
        var use: MachineUse
    }

    /// Hours, by the name of a range.
    private static let ranges: [String: Double] = ["24h": 24, "7d": 168, "30d": 720]
    /// A day of samples once a minute, and some more.
    private static let keptSamples = 2000

    /// Takes one sample of each VM that runs; `Serve` calls it each minute.
    package func sample() async {
        for vm in account.hosts where vm.status(at: now()) == .running {
            guard let use = await machines.use(of: vm) else { continue }
            samples[vm.index] = (samples[vm.index] ?? []).suffix(Self.keptSamples - 1) + [Sample(time: now(), use: use)]
        }
        let known = Set(account.hosts.map(\.index))
        samples = samples.filter { known.contains($0.key) }
    }

    /// `points` is null for a VM of which there is no sample yet.
    func stat(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let range = call.value("range") ?? "24h"
        guard let hours = Self.ranges[range] else { throw AccountRefusal.invalid("invalid range \"\(range)\": use 24h, 7d or 30d") }
        let all = samples[vm.index] ?? []
        let points = all.indices.filter { all[$0].time > now() - hours * 3600 }.map { place in
            point(vm, all[place], after: place > 0 ? all[place - 1] : nil)
        }
        return .object([
            ("name", .string(vm.name)), ("status", .string(vm.status(at: now()).rawValue)), ("range", .string(range)),
            ("points", points.isEmpty ? .null : .list(points)),
        ])
    }

    /// Rates are those since the sample before, or since the VM runs, when that was later: a restart begins to count anew.
    private func point(_ vm: VirtualMachine, _ sample: Sample, after before: Sample?) -> JSON {
        let start = vm.runningAt ?? sample.time
        let nothing = Sample(
            time: start, use: MachineUse(cpuSeconds: 0, memoryBytes: 0, diskBytes: 0, receivedBytes: 0, sentBytes: 0))
        let last = before.flatMap { $0.time >= start && $0.use.cpuSeconds <= sample.use.cpuSeconds ? $0 : nil } ?? nothing
        let seconds = max(sample.time - last.time, 1)
        func megabits(_ bytes: KeyPath<MachineUse, Int>) -> JSON {
            .decimal(Double(max(0, sample.use[keyPath: bytes] - last.use[keyPath: bytes])) * 8 / 1_000_000 / seconds)
        }
        let (size, used) = (Double(vm.listedBytes(vm.make.disk) ?? 0) / 1e9, Double(sample.use.diskBytes) / 1e9)
        return .object([
            ("timestamp", .string(Date(timeIntervalSince1970: sample.time).ISO8601Format())), ("vm_name", .string(vm.name)),
            ("cpu_cores", .decimal((sample.use.cpuSeconds - last.use.cpuSeconds) / seconds)),
            ("cpu_nominal", .number(Int(vm.make.cpu) ?? 0)), ("mem_used_bytes", .number(sample.use.memoryBytes)),
            ("mem_total_bytes", .number(vm.listedBytes(vm.make.memory) ?? 0)), ("disk_size_gb", .decimal(size)),
            ("disk_used_gb", .decimal(used)), ("disk_logical_used_gb", .decimal(used)), ("fs_used_gb", .decimal(used)),
            ("fs_total_gb", .decimal(size)), ("fs_free_gb", .decimal(max(0, size - used))),
            ("fs_available_gb", .decimal(max(0, size - used))), ("network_tx_mbps", megabits(\.sentBytes)),
            ("network_rx_mbps", megabits(\.receivedBytes)),
            // A container's disk is the host's.
            ("io_read_mbps", 0), ("io_write_mbps", 0),
        ])
    }
}
