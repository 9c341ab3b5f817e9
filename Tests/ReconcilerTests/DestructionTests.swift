import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// `destroy` over a fleet that stands, beside a VM that is not ours.
@Suite struct DestructionTests {
    private let fleet: DesiredFleet
    private let program: Program

    init() throws {
        fleet = try ConvergeTests.fleet()
        program = try Program(over: fleet) { $0.rebuild("theirs", tags: ["fleet-other"]) }
    }

    private static func told(_ run: Program.Run<[String]>) -> [String] {
        run.events.compactMap { event in
            switch event {
            case .actionFinished(let action, _): "removed \(action.node)"
            case .readFailed(_, let reason): "silent: \(reason)"
            case .waiting(_, let reason): "waits for \(reason.text)"
            default: nil
            }
        }
    }

    /// Whether a run ended with an error that says this, and sent nothing more.
    private static func expectStop(_ run: Program.Run<[String]>, _ words: String, after effects: [String] = []) {
        let error = #expect(throws: EffectError.self) { try run.result.get() }
        #expect(error?.message.contains(words) == true && run.effects == effects)
    }

    @Test func removesWhatIsOursAndTheServerLast() throws {
        let run = try program.destroy(fleet)
        #expect(try run.result.get() == [])
        let names = ["demo-batch-n1", "demo-web-n1", "demo-web-n2", "demo-cp-n1"]
        #expect(run.effects == names.map { "removeVM \($0)" } && Self.told(run) == names.map { "removed \($0)" })
        #expect(program.world.snapshot.machines.map(\.name) == ["theirs"])
    }

    @Test func leavesAFleetToWhoHoldsItsLease() throws {
        program.rival("other/1")
        Self.expectStop(try program.destroy(fleet), "other/1 holds the lease")
    }

    @Test func aPartialListHidesNoLease() throws {
        program.rival("other/1")
        program.world.state.withLock { $0.faults = [Fault(.partialList(1), at: .read(0))] }
        Self.expectStop(try program.destroy(fleet, ["demo-web-n1", "demo-cp-n1"]), "other/1 holds the lease")
    }

    /// The rival takes over while we work: what was firmly held once is asked for again.
    @Test func stopsWhenTheLeaseIsLost() throws {
        let run = try program.destroy(fleet) { event, world in
            guard case .actionFinished = event else { return }
            world.lend(to: "other/1")
            world.now += 45
        }
        Self.expectStop(run, "other/1 holds the lease", after: ["removeVM demo-batch-n1"])
    }

    /// Another machine may hold the Lease of a server that has just fallen silent; of one that is silent for longer than a Lease lasts nobody does.
    @Test func outlastsTheLeaseOfASilentServer() throws {
        program.rival("other/1")
        program.world.state.withLock { $0.apiOutage = $0.now + 3600 }
        let run = try program.destroy(fleet)
        let told = Self.told(run)
        #expect(try run.result.get() == [])
        #expect((60..<110).contains(run.seconds), "\(run.seconds)")
        #expect(told.first == "silent: demo-cp-n1: the API does not answer yet")
        #expect(told.dropFirst().first == "waits for its lease to run out, which another machine may hold (60 s)")
        #expect(told.count { $0.hasPrefix("silent") || $0.hasPrefix("waits") } == 2)
    }

    @Test func asksAServerThatAnswersAgain() throws {
        program.rival("other/1")
        program.world.state.withLock { $0.apiOutage = $0.now + 20 }
        Self.expectStop(try program.destroy(fleet), "other/1 holds the lease")
    }

    /// Nobody else can have taken it since.
    @Test func waitsForNobodyWhileTheLeaseIsOurs() throws {
        let run = try program.destroy(fleet) { event, world in
            guard case .actionFinished(.removeVM(let step), _) = event, step.node == "demo-batch-n1" else { return }
            world.apiOutage = world.now + 3600
            world.now += 30
        }
        let told = Self.told(run)
        #expect(try run.result.get() == [])
        #expect(told.contains("silent: demo-cp-n1: the API does not answer yet") && !told.contains { $0.hasPrefix("waits") }, "\(told)")
    }

    @Test func waitsForNobodyWhenTheServerIsOff() throws {
        program.world.state.withLock { $0.stop("demo-cp-n1") }
        let run = try program.destroy(fleet)
        #expect(try run.result.get() == [])
        #expect(run.seconds < 30 && Self.told(run).first == "silent: demo-cp-n1: it is not running")
    }

    @Test func refusesAClusterWhoseLeaseCannotBeTaken() throws {
        program.world.state.withLock { $0.faults = (0..<200).map { Fault(.apiServerDown, at: .ask($0)) } }
        Self.expectStop(try program.destroy(fleet), "cannot be taken")
    }

    /// The server's VM is left out of one list, then of another: it is still there.
    @Test func oneListProvesNothing() throws {
        // Two lists before the first of four removals, and one before each other; the batch agent is listed before the server until it is gone.
        let places = [1: 1, 2: 1, 3: 0, 4: 0, 5: 0]
        program.world.state.withLock { $0.faults = places.map { Fault(.partialList($0.value), at: .read($0.key)) } }
        #expect(try program.destroy(fleet).result.get() == ["demo-cp-n1"])
        #expect(program.world.snapshot.machine("demo-cp-n1") != nil)
    }

    @Test func removesNothingThatWasNotWrittenDown() throws {
        Self.expectStop(try program.destroy(fleet, ["demo-web-n1"], memory: FullNotebook()), "full")
    }
}
