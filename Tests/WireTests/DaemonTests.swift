import Foundation
import TestSupport
import Testing

extension WireTests {
    /// The daemon as a program: stopped, killed, starved, and left alone.
    @Suite(.serialized) struct DaemonTests {
        private static func start(_ wire: Wire) throws -> ChildProcess { try wire.startK8s("daemon", "--interval", "2") }

        private static func settles(_ daemon: ChildProcess, times: Int = 1) async -> Bool {
            await eventually(within: 90) { daemon.saidSoFar.components(separatedBy: "the fleet        settled").count > times }
        }

        private static func end(_ daemon: ChildProcess) async -> ChildProcess.Ended {
            daemon.signal(SIGTERM)
            return await daemon.ended()
        }

        @Test func finishesTheStepsUnderWayWhenToldToStop() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let first = try Self.start(wire)
                let isAtWork = await eventually(within: 60) { first.saidSoFar.contains("prepare host: ") }
                let ended = await Self.end(first)
                #expect(isAtWork && ended.status == 0, "\(ended.all)")
                #expect(ended.err.contains("prepare host done") && !ended.err.contains("install k3s"), "\(ended.all)")
                let second = try Self.start(wire)
                #expect(await Self.settles(second), "\(second.saidSoFar)")
                #expect(await Self.end(second).status == 0)
                #expect(wire.requests().count { $0.hasPrefix("200 new") } == 2)
            }
        }

        @Test func endsAtOnceWhenToldTwice() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let daemon = try Self.start(wire)
                #expect(await eventually(within: 60) { daemon.saidSoFar.contains("prepare host: ") })
                daemon.signal(SIGTERM)
                #expect(await eventually(within: 10) { daemon.saidSoFar.contains("stopping") })
                daemon.signal(SIGTERM)
                let status = await daemon.ended().status
                #expect(status == 128 + SIGTERM || status == 0)
            }
        }

        /// Killed again and again while the file is edited: in the end the fleet is what the file asks, and no name was asked for twice.
        @Test func survivesBeingKilledWhileTheFileIsEdited() async throws {
            let environment = ProcessInfo.processInfo.environment
            let seed = environment["KILL_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0..<1_000_000)
            let rounds = environment["KILL_ROUNDS"].flatMap(Int.init) ?? 8
            var chance = SplitMix(seed: seed)
            try await Wire.run { wire in
                for _ in 0..<rounds {
                    try wire.write(pools: ["web": "nodes: \(chance.below(4)), labels: { round: \"r\(chance.below(3))\" }"])
                    let daemon = try Self.start(wire)
                    try await Task.sleep(for: .milliseconds(200 + chance.below(2500)))
                    daemon.signal(SIGKILL)
                    _ = await daemon.ended()
                }
                try wire.write(pools: ["web": "nodes: 2, labels: { round: \"last\" }"])
                let last = try Self.start(wire)
                #expect(await Self.settles(last), "seed \(seed): \(last.saidSoFar)")
                #expect(await Self.end(last).status == 0)
                #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1", "wire-web-n2"], "seed \(seed)")
                #expect(!wire.requests().contains { $0.hasPrefix("422 new") }, "seed \(seed)")
                #expect(try await wire.k8s("plan").status == 0, "seed \(seed)")
                #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-web-n1\nwire-web-n2", "seed \(seed)")
            }
        }

        @Test func isTheOnlyOne() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let daemon = try Self.start(wire)
                #expect(await Self.settles(daemon))
                for words in [["daemon"], ["apply", "--yes"], ["destroy", "--confirm=wire"]] {
                    let other = try await wire.exec("exedev-k8s", words + ["--file", wire.fleetFile, "--state", wire.state])
                    #expect(other.status == 1 && other.err.contains("daemon, pid \(daemon.id)"), "\(other.all)")
                }
                try await wire.expectEndpoint()
                #expect(await Self.end(daemon).status == 0)
                try await wire.expectNoEndpoint()
            }
        }

        @Test func goesOnWhenTheDiskHasRoomAgain() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let mount = ["sh", "-c", "mkdir -p $0 && mount -t tmpfs -o size=512k exedev-full $0", wire.state]
                let path = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
                #expect(try await ChildProcess(mount, environment: path, folder: wire.folder).ended().status == 0)
                defer { umount2(wire.state, Int32(MNT_DETACH)) }
                let daemon = try Self.start(wire)
                #expect(await eventually(within: 60) { daemon.saidSoFar.contains("create VM done") })
                let ballast = wire.state + "/ballast"
                let fill = ["dd", "if=/dev/zero", "of=" + ballast, "bs=1k"]
                _ = try await ChildProcess(fill, environment: path, folder: wire.folder).ended()
                #expect(await eventually(within: 60) { daemon.saidSoFar.contains("No space left on device") }, "\(daemon.saidSoFar)")
                try FileManager.default.removeItem(atPath: ballast)
                #expect(await Self.settles(daemon), "\(daemon.saidSoFar)")
                #expect(await Self.end(daemon).status == 0)
                #expect(wire.requests().count { $0.hasPrefix("200 new") } == 2)
            }
        }

        @Test func outlivesAnExeDevThatIsDown() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let daemon = try Self.start(wire)
                #expect(await Self.settles(daemon))
                let process = try #require(
                    pid_t(
                        try String(contentsOfFile: wire.sim + "/serve.pid", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
                    ))
                kill(process, SIGKILL)
                #expect(await eventually(within: 60) { daemon.saidSoFar.contains("looking failed") }, "\(daemon.saidSoFar)")
                try await wire.up()
                let before = daemon.saidSoFar.count
                #expect(await eventually(within: 120) { daemon.saidSoFar.dropFirst(before).contains("settled") }, "\(daemon.saidSoFar)")
                #expect(await Self.end(daemon).status == 0)
                #expect(wire.requests().count { $0.hasPrefix("200 new") } == 1)
            }
        }
    }
}

/// A small generator with a seed, so that a failed run can be repeated.
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((word ^ (word >> 31)) % UInt64(bound))
    }
}
