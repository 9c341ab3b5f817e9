import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

@Suite struct DestructionTests {
    private final class Told: Sendable {
        private let words = Mutex<[String]>([])
        func note(_ event: Event) {
            switch event {
            case .actionFinished(let action, _): words.withLock { $0.append("removed \(action.node)") }
            case .lookFailed(_, let reason): words.withLock { $0.append("silent: \(reason)") }
            case .waiting(_, let reason): words.withLock { $0.append("waits for \(reason.text)") }
            default: break
            }
        }
        var all: [String] { words.withLock { $0 } }
    }

    private let told = Told()

    private func destruction(_ fleet: DesiredFleet, _ world: FakeWorld, memory: (any Memory)? = nil) -> Destruction {
        Destruction(of: fleet, in: world, memory: memory ?? Notebook(fleet), clock: world.clock) { [told] in told.note($0) }
    }

    /// A settled fleet and one VM that is not ours.
    private func settled() async throws -> (DesiredFleet, FakeWorld) {
        let (fleet, world) = (try ConvergeTests.fleet(), FakeWorld())
        let result = try await ConvergeTests().converge(world, fleet, Notebook(fleet))
        try #require(result.plan.isSettled)
        let spec = VMSpec(image: "exeuntu", cpu: 1, memory: "1GB", disk: "9GB", tags: [])
        _ = try await world.create(CreateVM(node: "theirs", vm: spec, ownerTag: "fleet-other"))
        world.state.withLock { $0.log = [] }
        return (fleet, world)
    }

    private func destroy(_ fleet: DesiredFleet, _ world: FakeWorld) async throws -> [String] {
        let destruction = destruction(fleet, world)
        return try await destruction.remove(destruction.owned().map(\.name))
    }

    @Test func removesWhatIsOursAndTheServerLast() async throws {
        let (fleet, world) = try await settled()
        #expect(try await destroy(fleet, world) == [])
        let names = ["demo-batch-n1", "demo-web-n1", "demo-web-n2", "demo-cp-n1"]
        #expect(world.state.withLock { $0.log } == names.map { "remove \($0)" })
        #expect(told.all == names.map { "removed \($0)" })
        #expect(world.state.withLock { $0.vms.keys.sorted() } == ["theirs"])
    }

    @Test func leavesAFleetToWhoHoldsItsLease() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock { $0.rival = "other/1" }
        let error = await #expect(throws: EffectError.self) { try await destroy(fleet, world) }
        #expect(error?.message.contains("other/1 holds the lease") == true)
        #expect(world.state.withLock { $0.log }.isEmpty)
    }

    @Test func aPartialListHidesNoLease() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock { state in
            (state.rival, state.hidden) = ("other/1", "demo-cp-n1")
            state.hiddenUntil = state.looks + 1
        }
        await #expect(throws: EffectError.self) { try await destruction(fleet, world).remove(["demo-web-n1", "demo-cp-n1"]) }
        #expect(world.state.withLock { $0.log }.isEmpty)
    }

    /// The rival takes over while we work: what was a firm grip once is asked for again.
    @Test func stopsWhenTheLeaseIsLost() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock {
            $0.afterEffect = { state in
                state.rival = "other/1"
                world.clock.pass(seconds: 45)
            }
        }
        await #expect(throws: EffectError.self) { try await destroy(fleet, world) }
        #expect(world.state.withLock { $0.log } == ["remove demo-batch-n1"])
    }

    /// Another machine may hold the Lease of a server that has just fallen silent; of one that is silent for longer than a Lease lasts nobody does.
    @Test func outlastsTheLeaseOfASilentServer() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock { state in
            state.rival = "other/1"
            state.nodes = [:]
        }
        let began = world.clock.uptime
        #expect(try await destroy(fleet, world) == [])
        #expect((60..<75).contains(world.clock.uptime - began))
        #expect(told.all.first == "silent: demo-cp-n1: its API server is not ready")
        #expect(told.all.dropFirst().first == "waits for its lease to run out, which another machine may hold (60 s)")
        #expect(told.all.count { $0.hasPrefix("silent") || $0.hasPrefix("waits") } == 2)
    }

    @Test func asksAServerThatAnswersAgain() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock { state in
            state.rival = "other/1"
            state.silentReadings = 5
        }
        let error = await #expect(throws: EffectError.self) { try await destroy(fleet, world) }
        #expect(error?.message.contains("other/1 holds the lease") == true)
        #expect(world.state.withLock { $0.log }.isEmpty)
    }

    /// Nobody else can have taken it since.
    @Test func waitsForNobodyWhileTheLeaseIsOurs() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock {
            $0.afterEffect = { state in
                state.nodes = [:]
                world.clock.pass(seconds: 35)
                state.afterEffect = nil
            }
        }
        let began = world.clock.uptime
        #expect(try await destroy(fleet, world) == [])
        #expect(world.clock.uptime - began < 40)
        #expect(told.all.contains("silent: demo-cp-n1: its API server is not ready") && !told.all.contains { $0.hasPrefix("waits") })
    }

    @Test func waitsForNobodyWhenTheServerIsOff() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock { $0.vms["demo-cp-n1"]?.status = .stopped }
        let began = world.clock.uptime
        #expect(try await destroy(fleet, world) == [])
        #expect(world.clock.uptime - began < 5 && told.all.first == "silent: demo-cp-n1: it is not running")
    }

    @Test func refusesAClusterWhoseLeaseCannotBeTaken() async throws {
        let (fleet, world) = try await settled()
        world.state.withLock { $0.leaseFails = true }
        let error = await #expect(throws: EffectError.self) { try await destroy(fleet, world) }
        #expect(error?.message.contains("cannot be taken") == true)
        #expect(world.state.withLock { $0.log }.isEmpty)
    }

    /// The server's VM is left out of one list, then of another: it is still there.
    @Test func oneListProvesNothing() async throws {
        let (fleet, world) = try await settled()
        let destruction = destruction(fleet, world)
        let names = try await destruction.owned().map(\.name)
        // One list before each of the four removals, two at the end: the first five lack it.
        world.state.withLock { state in
            state.hidden = "demo-cp-n1"
            state.hiddenUntil = state.looks + 5
        }
        #expect(try await destruction.remove(names) == ["demo-cp-n1"])
        #expect(world.state.withLock { $0.vms["demo-cp-n1"] } != nil)
    }

    @Test func removesNothingThatWasNotWrittenDown() async throws {
        let (fleet, world) = try await settled()
        await #expect(throws: EffectError.self) {
            try await destruction(fleet, world, memory: ConvergeTests.FullNotebook()).remove(["demo-web-n1"])
        }
        #expect(world.state.withLock { $0.log }.isEmpty)
    }
}
