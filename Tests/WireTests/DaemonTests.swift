import Foundation
import TestSupport
import Testing

extension WireTests {
    /// The daemon as a program: stopped, killed, starved, and left alone.
    @Suite(.serialized) struct DaemonTests {
        private static func start(_ wire: Wire) throws -> ChildProcess { try wire.startK8s("daemon", "--interval", "2") }

        private static func settles(_ daemon: ChildProcess, times: Int = 1) async -> Bool {
            await eventually { daemon.saidSoFar.components(separatedBy: "the fleet        settled").count > times }
        }

        private static func end(_ daemon: ChildProcess) async -> ChildProcess.Ended {
            daemon.signal(SIGTERM)
            return await daemon.ended()
        }

        @Test func finishesTheStepsUnderWayWhenToldToStop() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let first = try Self.start(wire)
                let isAtWork = await first.signal(SIGTERM, whenItSays: "prepare host: ")
                let ended = await first.ended()
                #expect(isAtWork && ended.status == 0, "\(ended.all)")
                #expect(ended.err.contains("prepare host done"), "\(ended.all)")
                #expect(Self.begunAfterAnEnd(in: ended.err) == [], "\(ended.all)")
                let (begun, done) = (Self.count(": ", in: ended.err), Self.count(" done in ", in: ended.err))
                #expect(begun == done, "\(ended.all)")
                let second = try Self.start(wire)
                #expect(await Self.settles(second), "\(second.saidSoFar)")
                #expect(await Self.end(second).status == 0)
                #expect(wire.requests().count { $0.hasPrefix("200 new") } == 2)
            }
        }

        private static let steps = ["create VM", "prepare host", "install k3s", "patch labels and taints", "share"]

        /// Log lines of a step that was started (`: `) or succeeded (` done in `).
        private static func count(_ words: String, in text: String) -> Int {
            text.split(separator: "\n").count { line in steps.contains { line.contains("-n1 ") && line.contains($0 + words) } }
        }

        /// The steps of a node after the stop signal: only the running step ends. Which one that is depends on the machine's speed.
        private static func begunAfterAnEnd(in text: String) -> [Substring] {
            var ended: Set<Substring> = []
            var begun: [Substring] = []
            for line in text.split(separator: "\n").drop(while: { !$0.hasPrefix("stopping: ") }).dropFirst() {
                guard let node = line.split(separator: " ").first else { continue }
                if line.contains(" done in ") {
                    ended.insert(node)
                } else if ended.contains(node), steps.contains(where: { line.contains($0 + ": ") }) {
                    begun.append(line)
                }
            }
            return begun
        }

        @Test func endsAtOnceWhenToldTwice() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let daemon = try Self.start(wire)
                #expect(await daemon.signal(SIGTERM, whenItSays: "prepare host: "))
                #expect(await daemon.signal(SIGTERM, whenItSays: "stopping"))
                let status = await daemon.ended().status
                #expect(status == 128 + SIGTERM || status == 0)
            }
        }

        /// Killed repeatedly while the file is edited: the fleet ends as the file declares, and no name was requested twice.
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
                print("soak: seed \(seed), \(rounds) rounds, \(try await Self.figures(of: last, wire))")
                #expect(await Self.end(last).status == 0)
                // The next write removes the leftovers of an unfinished one.
                let files = try FileManager.default.contentsOfDirectory(atPath: wire.state + "/wire")
                #expect(!files.contains { $0.hasSuffix(".new") || $0.hasSuffix(".damaged") }, "seed \(seed): \(files)")
                #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1", "wire-web-n2"], "seed \(seed)")
                #expect(wire.refusedCreations == [], "seed \(seed)")
                #expect(try await wire.k8s("plan").status == 0, "seed \(seed)")
                #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-web-n1\nwire-web-n2", "seed \(seed)")
            }
        }

        /// The descriptors of a daemon over a settled fleet, and the requests so far.
        private static func figures(of daemon: ChildProcess, _ wire: Wire) async throws -> String {
            let process = "/proc/\(daemon.id)/"
            let descriptors = try FileManager.default.contentsOfDirectory(atPath: process + "fd").count
            // Standard streams, lock, audit log, epoll, timers, signals, a connection to exe.dev and one to the server.
            #expect(descriptors < 40)
            let status = try String(contentsOfFile: process + "status", encoding: .utf8)
            let facts = status.split(separator: "\n").filter { $0.hasPrefix("VmRSS") || $0.hasPrefix("VmHWM") || $0.hasPrefix("Threads") }
            let effects = try await wire.k8s("history", "--json").out.components(separatedBy: "\"effect\"").count - 1
            return "\(effects) effects, \(descriptors) descriptors, \(facts.joined(separator: ", "))"
        }

        @Test func isTheOnlyOne() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let daemon = try Self.start(wire)
                #expect(await Self.settles(daemon))
                for words in [["daemon"], ["apply", "--yes"], ["destroy", "--confirm=wire"]] {
                    let other = try await wire.exec("exedev-k8s", words + ["--file", wire.fleetFile, "--state", wire.state])
                    #expect(other.status == 1 && other.err.contains("daemon, process \(daemon.id)"), "\(other.all)")
                }
                try await wire.expectEndpoint()
                try await wire.expectHold(of: daemon)
                #expect(await Self.end(daemon).status == 0)
                try await wire.expectNoEndpoint()
            }
        }

        @Test func keepsSeveralFleetsSideBySide() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let (other, files) = (wire.folder + "/blog.json", ["--file", wire.folder + "/blog.json"])
                try "{ nonsense".write(toFile: other, atomically: true, encoding: .utf8)
                let refused = try await wire.k8s(["daemon"] + files)
                #expect(refused.status == 78 && refused.err.contains(other), "\(refused.all)")
                #expect(wire.requests().isEmpty)
                let text = try String(contentsOfFile: wire.fleetFile, encoding: .utf8).replacing("\"wire\"", with: "\"blog\"")
                try text.write(toFile: other, atomically: true, encoding: .utf8)
                let daemon = try wire.startK8s(["daemon", "--interval", "2"] + files)
                for name in ["wire", "blog"] {
                    let isKept = await eventually { daemon.saidSoFar.contains("\(name): the fleet        settled") }
                    #expect(isKept, "\(daemon.saidSoFar)")
                }
                // A problem of one fleet does not affect the other.
                try "{ nonsense".write(toFile: other, atomically: true, encoding: .utf8)
                let isRefused = await eventually { daemon.saidSoFar.contains("blog: the new fleet file is refused") }
                #expect(isRefused, "\(daemon.saidSoFar)")
                try wire.write(pools: ["web": "nodes: 1"])
                let hasGrown = await eventually { daemon.saidSoFar.contains("wire: wire-web-n1      settled") }
                #expect(hasGrown, "\(daemon.saidSoFar)")
                #expect(await Self.end(daemon).status == 0)
                #expect(try wire.vms().keys.sorted() == ["blog-cp-n1", "wire-cp-n1", "wire-web-n1"])
                #expect(daemon.saidSoFar.split(separator: "\n").allSatisfy { $0.hasPrefix("wire: ") || !$0.contains("wire-web-") })
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
                #expect(await eventually { daemon.saidSoFar.contains("create VM done") })
                let ballast = wire.state + "/ballast"
                let fill = ["dd", "if=/dev/zero", "of=" + ballast, "bs=1k"]
                _ = try await ChildProcess(fill, environment: path, folder: wire.folder).ended()
                #expect(await eventually { daemon.saidSoFar.contains("No space left on device") }, "\(daemon.saidSoFar)")
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
                try await wire.killSimulator()
                #expect(await eventually { daemon.saidSoFar.contains("read failed") }, "\(daemon.saidSoFar)")
                // Taken before exe.dev is back: the daemon may be the first to see it, and says that it is settled once.
                let before = daemon.saidSoFar.count
                try await wire.up()
                #expect(await eventually { daemon.saidSoFar.dropFirst(before).contains("settled") }, "\(daemon.saidSoFar)")
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
