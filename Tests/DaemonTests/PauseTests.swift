import FleetCore
import Foundation
import K3s
import Reconciler
import Testing

@testable import Daemon
@testable import Live

/// The operator's hold on a fleet: on the disk, in a daemon that runs, and in what is shown of it.
@Suite(.timeLimit(.minutes(2))) struct PauseTests {
    private static let hold = FleetPause(by: "ada@ops", since: 1_795_898_940, reason: "disk swap")

    @Test func isKeptOnTheDisk() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        #expect(try state.pause() == nil && !state.release())
        try state.hold(because: "disk\nswap\u{1b}[2J", now: 1_795_898_940.5)
        let pause = try #require(try StateDirectory(base: scratch.path, cluster: "demo").pause())
        #expect(pause.since == 1_795_898_940.5 && pause.reason == "disk swap\\u{1b}[2J" && pause.by.contains("@"))
        let mode = try FileManager.default.attributesOfItem(atPath: state.path + "/paused")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try state.release() && state.pause() == nil)
    }

    /// An operator put it there so that nothing happens.
    @Test func aFileThatCannotBeReadHoldsAllTheSame() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        try state.create()
        for text in ["", "{}", "paused", "{\"by\": 1}"] {
            try text.write(toFile: state.path + "/paused", atomically: true, encoding: .utf8)
            #expect(state.pause()?.words == "paused: \(state.path)/paused cannot be read")
        }
        try FileManager.default.removeItem(atPath: state.path + "/paused")
        try FileManager.default.createDirectory(atPath: state.path + "/paused", withIntermediateDirectories: false)
        #expect(state.pause()?.reason == "\(state.path)/paused is no regular file")
    }

    @Test func theNextFleetOfTheNameIsNotHeld() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        try state.hold(because: nil, now: 0)
        try state.removeCluster()
        #expect(state.pause() == nil)
    }

    /// A run with `--ignore-pause` does not see it, and every other one does.
    @Test func theAuditLogTellsOfIt() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        let audit = AuditLog(in: state, verb: "apply", run: "r", plan: "p")
        try state.hold(because: "x", now: 0)
        #expect(audit.pause()?.reason == "x" && audit.unheld.pause() == nil)
    }

    /// Held before it starts, it creates nothing; let go, it goes on without a signal.
    @Test func aDaemonSeesItWithoutBeingTold() async throws {
        let stage = try DaemonStage()
        try stage.write("a")
        let (state, ear) = (try StateDirectory(base: stage.folder, cluster: "a"), Ear())
        try state.hold(because: "disk swap", now: 0)
        async let run: Void = stage.run([stage.source("a", GatedWorld())], ears: ["a": ear])
        #expect(await ear.inbox.next() == "started")
        #expect(await ear.inbox.next() == "paused: disk swap")
        var heard: [String] = []
        while heard.count(where: { $0 == "pass ended" }) < 2 { heard.append(await ear.inbox.next()) }
        #expect(!heard.contains { $0.contains("actionStarted") }, "\(heard)")
        #expect(await stage.systemd.inbox.next("not settled").contains("paused"))
        _ = try state.release()
        #expect(await ear.inbox.next("resumed") == "resumed")
        _ = await ear.inbox.next("actionStarted")
        try state.hold(because: "again", now: 0)
        _ = await ear.inbox.next("paused: again")
        stage.signal(SIGTERM)
        try await run
    }

    @Test func isShown() throws {
        let fleet = try Samples.fleet()
        var story = Story()
        story.note(.started(fleet, run: "r"))
        func metric() -> Bool { story.status.metrics(version: "1", uptime: 0).contains("\nexedev_k8s_paused 1\n") }
        #expect(story.status.document.paused == nil && !metric())
        story.note(.paused(Self.hold))
        let words = "paused since 2026-11-28 20:49 UTC by ada@ops: disk swap"
        #expect(story.status.document.paused == words && metric())
        let progressing = try #require(story.status.conditions.first { $0.type == .progressing })
        #expect(progressing.status == .no && progressing.reason == "Paused" && progressing.message == words)
        story.note(.resumed)
        #expect(story.status.document.paused == nil && !metric())
    }

    @Test func isLogged() {
        var changes = LogChanges()
        let entries = changes.entries(.paused(Self.hold)) + changes.entries(.resumed)
        #expect(entries.map(\.kind) == [.paused, .resumed] && entries[0].text.contains("ada@ops: disk swap"))
    }

    /// What waits for the maintenance window is no progress; the daemon waits for its usual interval, or until the window opens.
    @Test func whatIsDeferredIsSaid() throws {
        let fleet = try Samples.fleet()
        let wait = Decision.wait(Wait(.windowClosed(WindowOpening(at: 2e9, words: "Wed 2033-05-18 03:33 UTC"))))
        let result = Samples.result(fleet, ["demo-web-n1": wait])
        let progressing = LastResult(result, fleet: fleet, time: 0).progressing
        #expect(progressing.status == .no && progressing.reason == "NodesDeferred")
        let stage = try DaemonStage()
        try stage.write("demo")
        let source = stage.source("demo", GatedWorld())
        var runner = FleetRunner(source, context: try source.open(), interval: 300, stamp: nil, sinks: [])
        for (now, next) in [(1e9, 300), (2e9 - 60, 61), (2e9 + 60, 1)] {
            runner.passEnded(.success(result), uptime: 1000, chance: 0.5, now: now)
            let status = DaemonState(runners: [runner]).status(uptime: 1000, awake: 0)
            #expect(status.hasSuffix("deferred to the maintenance window, next pass in \(next) s"), "\(status)")
        }
    }
}

/// Nodes that an operator wants to be made again while a daemon keeps the fleet.
@Suite struct ReplacementRequestTests {
    @Test func isForgottenWhenItWasBegun() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        let text = "{apiVersion: \"exedev-k8s/v1\", cluster: {name: \"demo\", k3s: \"v1.34.9+k3s1\", servers: 1}, pools: {web: {nodes: 1}}}"
        let fleet = try #require(FleetFile.parse(text, file: "f").fleet)
        var ledger = Ledger(cluster: "demo", clusterID: "c", clusterCIDR: "", serviceCIDR: "")
        #expect(state.requestedReplacements(ledger).isEmpty)
        let (server, stranger) = (fleet.nodes[0].name, "demo-no-n1")
        try state.requestReplacement(of: [server], now: 100)
        try state.requestReplacement(of: [stranger], now: 110)
        #expect(state.requestedReplacements(ledger) == [server: 100, stranger: 110])
        try state.forgetReplacements(begunIn: ledger, fleet: fleet)
        #expect(state.requestedReplacements(ledger) == [server: 100], "the file asks for no such node")
        // By the wish alone, for clocks may be set back.
        ledger.replacements = [server: Replacement(.requested, begunAt: 200, wish: 90)]
        #expect(state.requestedReplacements(ledger) == [server: 100], "that was an earlier one")
        ledger.replacements = [server: Replacement(.requested, .over, begunAt: 50, wish: 100)]
        #expect(state.requestedReplacements(ledger).isEmpty)
        try state.forgetReplacements(begunIn: ledger, fleet: fleet)
        #expect(!FileManager.default.fileExists(atPath: state.replaceFile))
    }

    @Test func canBeTakenBack() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        #expect(try !state.withdrawReplacement(of: ["a"]))
        try state.requestReplacement(of: ["a", "b"], now: 100)
        #expect(try state.withdrawReplacement(of: ["a"]))
        #expect(state.requestedReplacements(Ledger(cluster: "demo", clusterID: "c", clusterCIDR: "", serviceCIDR: "")) == ["b": 100])
    }

    /// It would be dangerous to guess.
    @Test func aFileThatCannotBeReadAsksForNothing() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path, cluster: "demo")
        try state.create()
        try "[1]".write(toFile: state.replaceFile, atomically: true, encoding: .utf8)
        #expect(state.requestedReplacements(Ledger(cluster: "demo", clusterID: "c", clusterCIDR: "", serviceCIDR: "")).isEmpty)
    }

    /// Many at once, from several processes or one: no wish is lost.
    @Test func wishesOfManyAreAllKept() async throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask { try? state.requestReplacement(of: ["n\(number)"], now: Double(number)) }
            }
        }
        let ledger = Ledger(cluster: "demo", clusterID: "c", clusterCIDR: "10.1.0.0/16", serviceCIDR: "10.2.0.0/16")
        #expect(state.requestedReplacements(ledger).count == 40)
    }
}
