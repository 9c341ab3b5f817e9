import FleetCore
import K3s
import Synchronization
import Testing

@testable import Reconciler
@testable import Simulation

@Suite struct FenceTests {
    @Test func isOpenUntilShortlyBeforeTheEnd() {
        let clock = VirtualClock()
        let fence = Fence(clock: clock)
        let ticket = fence.ticket()
        #expect(ticket.isOpen)
        fence.hold(until: clock.uptime + 20)
        clock.pass(seconds: 20 - Fence.margin - 0.1)
        #expect(ticket.isOpen)
        clock.pass(seconds: 0.2)
        #expect(!ticket.isOpen)
        let error = #expect(throws: EffectError.self) { try ticket.check() }
        #expect(error?.remedy == .retry(after: 0))
        fence.hold(until: .infinity)
        #expect(ticket.isOpen)
    }

    /// What was decided before a takeover does not leave after it either.
    @Test func aTicketIsOfItsTime() {
        let clock = VirtualClock()
        let fence = Fence(clock: clock)
        fence.hold(until: clock.uptime + 60, generation: 1)
        let ticket = fence.ticket()
        fence.hold(until: clock.uptime + 60, generation: 1)
        #expect(ticket.isOpen)
        fence.hold(until: clock.uptime + 60, generation: 2)
        #expect(!ticket.isOpen && fence.ticket().isOpen)
    }

    /// The one door asks it, for hands that do not.
    @Test func nothingLeavesWhileItIsShut() throws {
        let (fleet, world) = (try ConvergeTests.fleet(), SimulatedWorld(WorldState(seed: 7)))
        let process = try #require(world.boot(.apply, fleet))
        let fence = Fence(clock: process)
        let performer = Performer(world: process, ticket: fence.ticket())
        var observed = Observation()
        observed.note(.vms([]))
        let ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        let facts = FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: process.now)
        let node = try #require(fleet.nodes.first)
        let action = Action.createVM(CreateVM(node: node.name, vm: node.vm, ownerTag: fleet.cluster.tag))
        func performs() -> Bool? {
            world.run(process) { () async -> Bool in (try? await performer.perform(action, facts: facts)) != nil }
        }
        fence.hold(until: process.uptime)
        #expect(performs() == false && world.snapshot.machines.isEmpty)
        fence.hold(until: .infinity)
        #expect(performs() == true && world.snapshot.machines.map(\.name) == [node.name])
    }

    /// What tells that nothing is as it was.
    enum Sign: Sendable, CaseIterable {
        case takeover, lateTimer
        /// Something else ended before the timer was heard that was due long before it.
        case lateAnswer
    }

    /// The process was paused, or another machine acquired the Lease: everything is read again.
    @Test(arguments: Sign.allCases) func forgetsWhatItSaw(by sign: Sign) throws {
        let clock = VirtualClock()
        var run = Run(
            fleet: try ConvergeTests.fleet(),
            ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"), repeats: true)
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        #expect(run.facts.observed.vms != nil)
        run.reads.begin(.vms, at: 0)
        if sign != .takeover {
            run.sleepers = [clock.uptime + 5]
            clock.pass(seconds: 60)
        }
        let event: LoopEvent =
            switch sign {
            case .takeover: .leased(.success(.taken(from: "other/1", 2)), uptime: clock.uptime)
            case .lateTimer: .woke(clock.uptime - 55)
            case .lateAnswer: .leased(.failure(EffectError("timed out", remedy: .observeAgain)), uptime: clock.uptime)
            }
        run.note(event, at: Moment(clock), tell: { _ in })
        #expect(run.facts.observed.vms == nil && run.generation == 1)
        // A look that was under way is of before.
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        #expect(run.facts.observed.vms == nil)
    }

    private static func run() throws -> Run {
        var run = Run(
            fleet: try ConvergeTests.fleet(),
            ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"), repeats: true)
        run.note(.observed(.vms, .vms([])), at: Moment(VirtualClock()), tell: { _ in })
        return run
    }

    /// While no cluster answers a change is decided under what its host has shown, so that a server whose k3s is down can be mended.
    @Test func withoutALeaseTheHostIsTakenAtItsWord() throws {
        var run = try Self.run()
        let action = Action.restart(Restart(node: "demo-cp-n1", role: .server))
        #expect(run.token(for: action) == FencingToken(clusterID: "c1", number: 0))
        for (cluster, number) in [("c1", 7), ("c2", 0)] {
            var probe = ProbeFields()
            (probe.hostname, probe.fence) = ("demo-cp-n1", FencingToken(clusterID: cluster, number: 7))
            run.facts.observed.hosts["demo-cp-n1"] = .probed(HostProbe(probe))
            #expect(run.token(for: action) == FencingToken(clusterID: "c1", number: number))
        }
        run.note(.leased(.success(.ours(3)), uptime: 0), at: Moment(VirtualClock()), tell: { _ in })
        #expect(run.token(for: action)?.number == 3, "it was ours, and may be no more")
        #expect(run.token(for: .removeVM(RemoveVM(node: "demo-cp-n1"))) != nil, "its host is told to log out")
        #expect(run.token(for: .startVM(StartVM(node: "demo-cp-n1"))) == nil)
    }

    /// Nothing was done: all is read again, the Lease is taken again, and the same may be decided again.
    @Test func aHostThatRefusesIsHeard() throws {
        var run = try Self.run()
        let action = Action.restart(Restart(node: "demo-cp-n1", role: .server))
        run.begin(action, at: Moment(VirtualClock()))
        let error = EffectError("the host has obeyed number 9", remedy: .fenced(by: 9))
        run.note(.did(action, .failure(error), seconds: 1), at: Moment(VirtualClock()), tell: { _ in })
        #expect(run.facts.observed.vms == nil && run.generation == 1 && run.lease.claim(0).above == 9)
        #expect(run.facts.ledger.failures("demo-cp-n1") == 1 && run.facts.notes["demo-cp-n1"]?.refusal == nil)
    }
}
