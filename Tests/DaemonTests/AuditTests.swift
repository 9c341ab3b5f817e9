import FleetCore
import Foundation
import Reconciler
import Synchronization
import Testing

@testable import Live

/// A folder that goes with the test.
struct Scratch: ~Copyable {
    let path = NSTemporaryDirectory() + "/audit-" + UUID().uuidString
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// With its folder, which the fleet's lock has made.
    func state() throws -> StateDirectory {
        let state = try StateDirectory(base: path, cluster: "demo")
        try state.create()
        return state
    }
}

/// Stands still until a test moves it.
final class StillClock: WallClock {
    private let time = Mutex(1_795_000_000.0)
    var now: Double { time.withLock { $0 } }
    var uptime: Double { now }
    func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
    func sleep(seconds: Double) async throws { pass(seconds) }
}

@Suite struct AuditTests {
    static let change = Change(before: "VM running", after: "no VM")
    static let removal = Action.removeVM(RemoveVM(node: "demo-web-n1"))

    private func text(_ state: StateDirectory, _ suffix: String = "") throws -> String {
        try String(contentsOfFile: state.path + AuditLog.file + suffix, encoding: .utf8)
    }

    @Test func tellsTheIntentBeforeAndTheOutcomeAfter() throws {
        let scratch = try Scratch()
        let (state, clock) = (try scratch.state(), StillClock())
        let audit = AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1", clock: clock)
        #expect(!FileManager.default.fileExists(atPath: state.path + AuditLog.file), "nothing is made before there is something to tell")
        try audit.intend(Self.removal, Self.change, because: "told to")
        let intents = try AuditHistory(in: state).effects
        #expect(intents.map(\.outcome) == [nil] && intents.first?.reason == "told to")
        clock.pass(2.25)
        audit.note(.actionFinished(Self.removal, seconds: 0))
        let common = #""node":"demo-web-n1""#
        let shared = #""plan":"p1","reason":"told to","run":"r1""#
        #expect(
            try text(state) == """
                {"after":"no VM","before":"VM running","effect":1,\(common),\(shared),"step":"removeVM","time":"2026-11-18T11:06:40.000Z",\
                "verb":"destroy","version":1}
                {"after":"no VM","before":"VM running","effect":1,\(common),"outcome":"done",\(shared),"seconds":2.25,"step":"removeVM",\
                "time":"2026-11-18T11:06:42.250Z","verb":"destroy","version":1}

                """)
        let effects = try AuditHistory(in: state).effects
        #expect(effects.count == 1 && effects[0].outcome == .done && effects[0].time == "2026-11-18T11:06:40.000Z")
        let mode = try FileManager.default.attributesOfItem(atPath: state.path + AuditLog.file)[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test(arguments: [
        (Event.actionFailed(removal, reason: "no answer", retryIn: nil), AuditRecord.Outcome.failed),
        (.outcomeUnknown(removal, reason: "no answer"), .unknown),
        (.blocked(node: removal.node, .actionRefused("no answer", advice: "")), .refused),
    ])
    func tellsHowItFailed(event: Event, outcome: AuditRecord.Outcome) throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        let audit = AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1")
        try audit.intend(Self.removal, Self.change, because: "")
        audit.note(event)
        let effect = try #require(try AuditHistory(in: state).effects.first)
        #expect(effect.outcome == outcome && effect.error == "no answer" && effect.seconds != nil)
    }

    @Test func followsTheLoop() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        let audit = AuditLog(in: state, verb: "apply", run: "r1", plan: "p1")
        let outcome = FleetFile.parse(
            #"{apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1}, pools: {web: {nodes: 1}}}"#, file: "f"
        )
        let fleet = try #require(outcome.fleet)
        var observed = Observation()
        observed.vms = [:]
        let facts = FleetFacts(fleet: fleet, observed: observed, ledger: try state.ledger(for: fleet) { _ in }, now: 0)
        let shape = VMSpec(image: "exeuntu", cpu: 2, memory: "4GB", disk: "20GB", tags: [])
        for name in ["a", "b", "c"] {
            try audit.intend(.createVM(CreateVM(node: name, vm: shape, ownerTag: "fleet-demo")), because: .vmMissing, facts: facts)
        }
        audit.note(.blocked(node: "other", .vmPaused(name: "other")))
        audit.note(.outcomeUnknown(.createVM(CreateVM(node: "b", vm: shape, ownerTag: "fleet-demo")), reason: "no reply"))
        audit.note(.actionFinished(.createVM(CreateVM(node: "a", vm: shape, ownerTag: "fleet-demo")), seconds: 1))
        audit.note(.blocked(node: "a", .vmPaused(name: "a")))
        let effects = try AuditHistory(in: state).effects
        #expect(effects.map(\.node) == ["a", "b", "c"])
        #expect(effects.map(\.outcome) == [.done, .unknown, nil])
        #expect(effects[0].before == "no VM" && effects[0].after == "2 cpu, 4GB, exeuntu")
    }

    @Test func goesOnOnAFreshLineAfterATornOne() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        let first = AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1")
        try write(1, to: first)
        let whole = try text(state)
        let file = state.path + AuditLog.file
        try (whole + whole.prefix(40)).write(toFile: file, atomically: false, encoding: .utf8)
        #expect(try AuditHistory(in: state).effects.count == 1)
        try write(1, to: AuditLog(in: state, verb: "destroy", run: "r2", plan: "p1"))
        let history = try AuditHistory(in: state)
        #expect(history.effects.map(\.run) == ["r1", "r2"] && history.unreadable == 1)
        #expect(try text(state).hasPrefix(whole + whole.prefix(40) + "\n{"))
    }

    @Test func skipsWhatANewerProgramWrote() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        try write(1, to: AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1"))
        let line = try text(state).replacing(#""version":1"#, with: #""version":2"#).replacing("r1", with: "r2")
        try (text(state) + line).write(toFile: state.path + AuditLog.file, atomically: false, encoding: .utf8)
        let history = try AuditHistory(in: state)
        #expect(history.effects.map(\.run) == ["r1"] && history.unreadable == 1)
    }

    /// Intents only: one line each.
    private func write(_ count: Int, to audit: AuditLog) throws {
        for _ in 0..<count { try audit.intend(Self.removal, Self.change, because: "told to") }
    }

    @Test func rotates() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        let audit = AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1", limit: 1000)
        try write(100, to: audit)
        let names = try FileManager.default.contentsOfDirectory(atPath: state.path).sorted()
        #expect(names == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3", "audit.jsonl.4"])
        for name in names {
            let facts = try FileManager.default.attributesOfItem(atPath: state.path + "/" + name)
            #expect(facts[.posixPermissions] as? Int == 0o600 && (facts[.size] as? Int)! <= 1000, "\(name)")
        }
        let numbers = try AuditHistory(in: state).effects.map(\.effect)
        #expect(numbers == Array((101 - numbers.count)...100) && numbers.count > 10)
        // What was rotated by one run is gone on with by the next.
        try write(1, to: AuditLog(in: state, verb: "destroy", run: "r2", plan: "p1", limit: 1000))
        #expect(try AuditHistory(in: state).effects.last?.run == "r2")
    }

    /// A reader sees every line once while another process rotates the log.
    @Test func isReadWhileItRotates() async throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        let audit = AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1", limit: 10_000)
        try write(60, to: audit)
        async let writing: Void = write(400, to: audit)
        for _ in 0..<200 {
            let numbers = try AuditHistory(in: state).effects.map(\.effect)
            #expect(numbers == Array(numbers[0]..<(numbers[0] + numbers.count)))
        }
        try await writing
    }

    /// Here: a link to where nothing can be written. A link is not followed either way.
    @Test func whatCannotBeWrittenDownIsNotSent() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        try FileManager.default.createSymbolicLink(atPath: state.path + AuditLog.file, withDestinationPath: "/dev/full")
        let audit = AuditLog(in: state, verb: "destroy", run: "r1", plan: "p1")
        #expect(throws: StateError.self) { try audit.intend(Self.removal, Self.change, because: "") }
    }
}
