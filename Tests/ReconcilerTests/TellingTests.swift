import FleetCore
import Reconciler
import Testing

@testable import Simulation

/// The events that metrics count.
@Suite struct TellingTests {
    /// Every acquired Lease is reported as ended, and a fleet that needs no change needs no Lease.
    @Test func tellsWhetherTheLeaseIsOurs() throws {
        let program = try Program(over: ConvergeTests.fleet())
        func leases(_ label: String) throws -> [String] {
            try program.converge(ConvergeTests.fleet(label: label)).events.compactMap { event in
                switch event {
                case .leaseTaken(let until): until <= program.world.snapshot.now + 60 ? "taken" : "taken for too long"
                case .leaseEnded: "ended"
                default: nil
                }
            }
        }
        let held = try leases("edge")
        #expect(held.dropLast().allSatisfy { $0 == "taken" } && held.first == "taken" && held.last == "ended", "\(held)")
        #expect(try leases("edge") == [])
        program.rival("other/1234")
        let lost = try leases("front")
        #expect(!lost.isEmpty && lost.allSatisfy { $0 == "ended" }, "\(lost)")
    }

    /// One agent at a time: what the second one waits for is told once, not with each look at when it may go on.
    @Test func tellsAWaitOnce() throws {
        let program = try Program(over: FleetSketch(web: 2).fleet())
        var reasons: [Reason] = []
        for event in try program.converge(FleetSketch(web: 2, kubelet: "64").fleet()).events {
            if case .waiting("demo-web-n2", let reason) = event { reasons.append(reason) }
        }
        #expect(reasons.contains(.limitReached(.maxUnavailable, 1, by: ["demo-web-n1"], isRestart: true)), "\(reasons)")
        #expect(zip(reasons, reasons.dropFirst()).allSatisfy { $0 != $1 }, "\(reasons)")
    }

    /// One host at a time: what is begun had waited, unless it was alone, and in the end nobody waits.
    @Test func tellsWhatWaitsForItsTurn() throws {
        var fleet = try ConvergeTests.fleet()
        fleet.limits.hostsAtOnce = 1
        let program = Program()
        let events = try program.converge(fleet).events
        let queues = events.compactMap { if case .actionsQueued(let actions) = $0 { actions.map { "\($0.step) \($0.node)" } } else { nil } }
        #expect(queues.contains { $0.count > 1 } && queues.last == [], "\(queues)")
        #expect(zip(queues, queues.dropFirst()).allSatisfy { $0 != $1 }, "reported although nothing had changed")
        let again = try program.converge(fleet).events
        #expect(!again.contains { if case .actionsQueued = $0 { true } else { false } }, "over a settled fleet there is nothing to tell")
    }
}
