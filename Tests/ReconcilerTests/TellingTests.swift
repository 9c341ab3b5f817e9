import FleetCore
import Reconciler
import Synchronization
import Testing

/// What the loop tells for whoever counts.
@Suite struct TellingTests {
    /// Everything that a run told.
    private static func events(_ world: FakeWorld, _ fleet: DesiredFleet, _ notebook: Notebook) async throws -> [Event] {
        let told = Mutex<[Event]>([])
        let reconciler = Reconciler(fleet: fleet, clock: world.clock) { event in told.withLock { $0.append(event) } }
        _ = try await reconciler.converge(
            world, ledger: notebook.current, memory: notebook, approved: nil, deadline: world.clock.now + 5000)
        return told.withLock { $0 }
    }

    /// Every hold that begins is told to end, and a fleet that needs no change needs no Lease.
    @Test func tellsWhetherTheLeaseIsOurs() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try ConvergeTests.fleet()))
        func leases(_ label: String) async throws -> [String] {
            try await Self.events(world, try ConvergeTests.fleet(label: label), notebook).compactMap { event in
                switch event {
                case .leaseTaken(let until): until <= world.clock.uptime + 60 ? "taken" : "taken for too long"
                case .leaseEnded: "ended"
                default: nil
                }
            }
        }
        _ = try await leases("front")
        let held = try await leases("edge")
        #expect(held.dropLast().allSatisfy { $0 == "taken" } && held.first == "taken" && held.last == "ended", "\(held)")
        #expect(try await leases("edge") == [])
        world.state.withLock { $0.rival = "other/1234" }
        let lost = try await leases("front")
        #expect(!lost.isEmpty && lost.allSatisfy { $0 == "ended" }, "\(lost)")
    }

    /// One host at a time: what is begun had waited, unless it was alone, and in the end nobody waits.
    @Test func tellsWhatWaitsForItsTurn() async throws {
        var fleet = try ConvergeTests.fleet()
        fleet.limits.hostsAtOnce = 1
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        let events = try await Self.events(world, fleet, notebook)
        let queues = events.compactMap { if case .actionsQueued(let actions) = $0 { actions.map { "\($0.step) \($0.node)" } } else { nil } }
        #expect(queues.first?.count == 3, "\(queues)")
        #expect(queues.last == [])
        #expect(zip(queues, queues.dropFirst()).allSatisfy { $0 != $1 }, "told although nothing had changed")
        let again = try await Self.events(world, fleet, notebook)
        #expect(!again.contains { if case .actionsQueued = $0 { true } else { false } }, "over a settled fleet there is nothing to tell")
    }
}
