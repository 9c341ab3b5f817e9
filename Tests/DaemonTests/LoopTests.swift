import FleetCore
import Foundation
import Synchronization
import Testing

@testable import Daemon
@testable import Live
@testable import Reconciler

/// The daemon's loop over several fleets, and its notifications to systemd.
@Suite(.timeLimit(.minutes(2))) struct LoopTests {
    @Test func startsOnlyWhenEveryFileCanBeUsed() async throws {
        let stage = try DaemonStage()
        for name in ["a", "c"] { try stage.write(name) }
        try "{ nonsense".write(toFile: stage.file("b"), atomically: true, encoding: .utf8)
        let sources = ["a", "b", "c", "d"].map { stage.source($0, GatedWorld()) }
        let error = await #expect(throws: Daemon.Unusable.self) { try await stage.run(sources) }
        let lines = try #require(error?.reason).split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasPrefix("\(stage.file("b")): ") && lines[1].hasPrefix("\(stage.file("d")): "))
        stage.systemd.mark()
        #expect(await stage.systemd.inbox.next() == "MARK", "systemd was notified before")
    }

    @Test func refusesTwoFilesOfOneCluster() async throws {
        let stage = try DaemonStage()
        try stage.write("a")
        try stage.write("b", cluster: "a")
        let error = await #expect(throws: Daemon.Unusable.self) {
            try await stage.run([stage.source("a", GatedWorld()), stage.source("b", GatedWorld())])
        }
        #expect(error?.reason == "\(stage.file("b")): the cluster a is already managed by \(stage.file("a"))")
    }

    @Test func refusesAFleetThatAnotherRunHolds() async throws {
        let stage = try DaemonStage()
        for name in ["a", "b"] { try stage.write(name) }
        let other = try FleetLock(in: StateDirectory(base: stage.folder, cluster: "b"), verb: "apply")
        await #expect(throws: StateError.self) {
            try await stage.run(["a", "b"].map { stage.source($0, GatedWorld()) })
        }
        // Nothing is held of the fleet that was free.
        #expect(throws: Never.self) { _ = try FleetLock(in: StateDirectory(base: stage.folder, cluster: "a"), verb: "apply") }
        _ = consume other
    }

    /// One fleet's step does not answer: the other one's passes go on, the watchdog is fed, and the status says who is at work.
    @Test func aSlowFleetDelaysNoOther() async throws {
        let stage = try DaemonStage()
        for name in ["slow", "quick"] { try stage.write(name) }
        let (slow, ear, slowEar) = (GatedWorld(isShut: true), Ear(), Ear())
        async let run: Void = stage.run(
            [stage.source("slow", slow), stage.source("quick", GatedWorld())], ears: ["quick": ear, "slow": slowEar], watchdog: 0.3)
        #expect(await stage.systemd.inbox.next().hasPrefix("READY=1\nSTATUS=2 fleets, converged 0/2"))
        _ = await slowEar.inbox.next("actionStarted")
        for _ in 0..<3 { _ = await ear.inbox.next("pass ended") }
        for _ in 0..<3 { _ = await stage.systemd.inbox.next("WATCHDOG=1") }
        let status = await stage.systemd.inbox.next("next pass in")
        #expect(status.contains("converged 0/2, quick not settled, slow at work for"), "\(status)")
        stage.signal(SIGTERM)
        _ = await slowEar.inbox.next("stopping")
        slow.open()
        try await run
    }

    /// A key that is not there is said, and nothing is created; the daemon goes on, for it may come.
    @Test func withoutACredentialNothingIsCreated() async throws {
        let stage = try DaemonStage()
        try stage.write("a")
        let (world, ear) = (GatedWorld(missing: .credentialMissing("TS_AUTHKEY is not set", advice: "set it")), Ear())
        async let run: Void = stage.run([stage.source("a", world)], ears: ["a": ear])
        var heard: [String] = []
        for _ in 0..<8 { heard.append(await ear.inbox.next()) }
        #expect(heard.contains { $0.contains("blocked") && $0.contains("TS_AUTHKEY is not set") })
        #expect(heard.count { $0 == "pass ended" } > 1 && !heard.contains { $0.contains("actionStarted") }, "\(heard)")
        stage.signal(SIGTERM)
        try await run
    }

    @Test func asksForTimeAsLongAsAStepIsUnderWay() async throws {
        let stage = try DaemonStage()
        try stage.write("a")
        let (world, ear) = (GatedWorld(isShut: true), Ear())
        async let run: Void = stage.run([stage.source("a", world)], ears: ["a": ear])
        _ = await ear.inbox.next("actionStarted")
        stage.signal(SIGTERM)
        #expect(await stage.systemd.inbox.next("STOPPING") == "STOPPING=1")
        for _ in 0..<4 { #expect(await stage.systemd.inbox.next("EXTEND").contains("EXTEND_TIMEOUT_USEC=30000000")) }
        world.open()
        try await run
        stage.systemd.mark()
        // What was asked for before the step answered may still be there.
        var last = ""
        while case let text = await stage.systemd.inbox.next(), text != "MARK" { last = text }
        #expect(last == "" || last.contains("EXTEND"))
    }

    @Test func aHangupReadsEveryFileAnew() async throws {
        let stage = try DaemonStage()
        let names = ["a", "b"]
        for name in names { try stage.write(name) }
        let ears = Dictionary(uniqueKeysWithValues: names.map { ($0, Ear()) })
        async let run: Void = stage.run(names.map { stage.source($0, GatedWorld()) }, ears: ears)
        for name in names { _ = await ears[name]!.inbox.next("pass ended") }
        stage.signal(SIGHUP)
        for name in names { _ = await ears[name]!.inbox.next("reloaded") }
        #expect(await stage.systemd.inbox.next("RELOADING=1").contains("MONOTONIC_USEC="))
        #expect(await stage.systemd.inbox.next("READY=1").contains("STATUS="))
        // A bad file is refused, the other fleet's counts.
        try "{ nonsense".write(toFile: stage.file("b"), atomically: true, encoding: .utf8)
        #expect(await ears["b"]!.inbox.next("refused") == "refused: it has errors")
        stage.signal(SIGHUP)
        _ = await ears["a"]!.inbox.next("reloaded")
        for name in names { _ = await ears[name]!.inbox.next("pass ended") }
        stage.signal(SIGTERM)
        try await run
    }

    /// A sink hangs on the loop's own thread: for as long as that lasts, systemd hears nothing.
    @Test func aHungLoopGivesNoSignOfLife() async throws {
        let stage = try DaemonStage()
        try stage.write("a")
        let gate = DispatchSemaphore(value: 0)
        let ear = Ear { if case .reloaded = $0 { gate.wait() } }
        async let run: Void = stage.run([stage.source("a", GatedWorld())], ears: ["a": ear], watchdog: 0.03)
        _ = await stage.systemd.inbox.next("WATCHDOG=1")
        stage.signal(SIGHUP)
        _ = await stage.systemd.inbox.next("RELOADING=1")
        // Time for many signs of life, which is what is tested here; nothing is waited for.
        try await Task.sleep(for: .milliseconds(300))
        stage.systemd.mark()
        #expect(await stage.systemd.inbox.next() == "MARK")
        gate.signal()
        #expect(await stage.systemd.inbox.next().hasPrefix("READY=1"))
        _ = await stage.systemd.inbox.next("WATCHDOG=1")
        stage.signal(SIGTERM)
        try await run
    }
}

/// What the loop knows, as a value.
@Suite struct WatchTests {
    private static func post(_ name: String, _ stage: DaemonStage) throws -> FleetRunner {
        try stage.write(name)
        let source = stage.source(name, GatedWorld())
        return FleetRunner(source, context: try source.open(), interval: 300, stamp: nil, sinks: [])
    }

    @Test func saysHowManyAndWhen() throws {
        let stage = try DaemonStage()
        var runner = try Self.post("a", stage)
        var plan = Plan(cluster: "a", items: [])
        plan.items = [Plan.Item(node: "a-cp-n1", pool: "servers", decision: .settled, then: [])]
        let ledger = Ledger(cluster: "a", clusterID: "", clusterCIDR: "", serviceCIDR: "")
        runner.passEnded(
            .success(.init(plan: plan, observed: Observation(), ledger: ledger, effects: 0, ranOutOfTime: false)), uptime: 1000, chance: 0.5
        )
        var fleets = DaemonState(runners: [runner])
        #expect(fleets.status(uptime: 1258, awake: 0) == "converged 1/1, next pass in 42 s")
        fleets.runners[0].passEnded(.failure(DaemonStage.Bad(description: "no route")), uptime: 1300, chance: 0.5)
        #expect(fleets.status(uptime: 1301, awake: 0) == "converged 1/1, failed: no route, next pass in 4 s")
        (fleets.runners[0].stopSignal, fleets.runners[0].began) = (.init(), 50)
        #expect(fleets.status(uptime: 1301, awake: 57.5) == "converged 1/1, failed: no route, at work for 7 s")
        fleets.runners.append(try Self.post("b", stage))
        fleets.stoppingSince = 57
        #expect(fleets.status(uptime: 1301, awake: 60) == "2 fleets, converged 1/2, a failed: no route, a at work for 10 s, stopping")
    }

    @Test func knowsAPassThatHangs() throws {
        let stage = try DaemonStage()
        var fleets = DaemonState(runners: [try Self.post("a", stage)])
        #expect(fleets.isSound(awake: 1e9))
        (fleets.runners[0].stopSignal, fleets.runners[0].began) = (.init(), 1000)
        #expect(fleets.isSound(awake: 1000 + 300 + 619) && !fleets.isSound(awake: 1000 + 300 + 620))
        fleets.stoppingSince = 2000
        #expect(fleets.needsTime(awake: 2619) && !fleets.needsTime(awake: 2620))
        fleets.runners[0].stopSignal = nil
        #expect(!fleets.needsTime(awake: 2001) && fleets.isDone)
    }

    @Test func knowsWhichErrorsAskTheOperator() {
        #expect(Daemon.asksOperator(EffectError("401", remedy: .askOperator(advice: "make a new token"))))
        #expect(!Daemon.asksOperator(EffectError("503", remedy: .retry(after: nil))) && !Daemon.asksOperator(CancellationError()))
        #expect(Daemon.asksOperator(StateError("it is newer", advice: "run that one")))
        #expect(!Daemon.asksOperator(StateError("EIO", advice: nil)))
    }

    @Test func sendsOneLineOfStatus() async throws {
        let stage = try DaemonStage()
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": stage.systemd.path])
        manager.pulse("failed: a\nMAINPID=1", isSound: false, needsSeconds: nil)
        #expect(await stage.systemd.inbox.next() == "STATUS=failed: a / MAINPID=1")
        let watched = ServiceManager(environment: ["NOTIFY_SOCKET": stage.systemd.path, "WATCHDOG_USEC": "1"])
        watched.pulse("x", isSound: false, needsSeconds: nil)
        watched.pulse("x", isSound: true, needsSeconds: 30)
        #expect(await stage.systemd.inbox.next() == "STATUS=x")
        #expect(await stage.systemd.inbox.next() == "STATUS=x\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC=30000000")
    }
}
