import FleetCore
import K3s
import Testing

@testable import Reconciler

@Suite struct RunTests {
    /// A list of VMs that was asked for before one was made and comes after.
    private static func afterAnOldList(lifted: Set<Guard>) throws -> Bool {
        let fleet = try ConvergeTests.fleet()
        let clock = VirtualClock()
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true, lifted: lifted)
        run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        let action = try #require(run.plan.actions.first)
        run.begin(action, at: Moment(clock))
        run.looks.begin(.vms)
        let vm = ObservedVM(
            name: action.node, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
            createdAt: "then", url: nil)
        run.note(.did(action, .success(.created(vm)), seconds: 1), at: Moment(clock), tell: { _ in })
        run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        return run.facts.seen.vms?[action.node] != nil
    }

    /// The guard `spoiledLook`; exedev-sim guards names this test.
    @Test func aListFromBeforeAChangeIsThrownAway() throws {
        #expect(try Self.afterAnOldList(lifted: []))
        #expect(try !Self.afterAnOldList(lifted: [.spoiledLook]))
    }

    private static func run(knowing name: String, _ fleet: DesiredFleet) -> Run {
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        ledger.vms[name] = .init()
        ledger.vms[name]?.createdAt = "then"
        return Run(fleet: fleet, ledger: ledger, repeats: true)
    }

    /// A VM is taken for gone when two lists lack it, and the second of them shows nothing that the first did not.
    @Test func aListThatShowsNothingNewIsJudged() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let name = try #require(fleet.nodes.first?.name)
        var run = Self.run(knowing: name, fleet)
        for seconds in [0.0, 6] {
            clock.pass(seconds: seconds)
            run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
            #expect(run.hasNews(at: Moment(clock)))
            run.decide(at: Moment(clock))
            #expect(run.plan.lines.first { $0.node == name }?.decision.action != nil || seconds == 0)
        }
    }

    /// Time alone ends a back-off: the loop sleeps until then, and not a moment less.
    @Test func theEndOfABackOffIsWaitedForAndJudged() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let name = try #require(fleet.nodes.first?.name)
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true)
        run.facts.ledger.attempts[name] = .init(count: 1, notBefore: clock.now + 7, failure: "it failed", failedAt: clock.now)
        run.looks.begin(.vms)
        run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect(run.plan.lines.first { $0.node == name }?.decision.action == nil)
        for (look, _) in run.looksDue(at: Moment(clock)) { _ = run.looks.end(look, clock.uptime) }
        clock.pass(seconds: 3)
        #expect(!run.hasNews(at: Moment(clock)))
        clock.pass(seconds: 4.01)
        #expect(run.hasNews(at: Moment(clock)))
        run.decide(at: Moment(clock))
        // By the VMs that there are then.
        #expect(run.plan.lines.first { $0.node == name }?.decision.action == nil)
        #expect(run.looksDue(at: Moment(clock)).map(\.0) == [.vms])
        run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect(run.plan.lines.first { $0.node == name }?.decision.action?.step == .createVM)
    }

    /// A list that was long on its way shows nothing of what came about meanwhile: a creation without an answer is waited for by when it was asked for.
    @Test func aListIsAsOldAsItsQuestion() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let name = try #require(fleet.nodes.first?.name)
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true)
        run.facts.ledger.vms[name] = .init()
        run.facts.ledger.vms[name]?.creating = clock.now - 20
        run.decide(at: Moment(clock))
        for (seconds, isCreated) in [(0.1, false), (25, false), (10, true)] {
            #expect(run.looksDue(at: Moment(clock)).map(\.0) == [.vms])
            clock.pass(seconds: seconds)
            run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
            run.decide(at: Moment(clock))
            let step = run.plan.lines.first { $0.node == name }?.decision.action?.step
            #expect((step == .createVM) == isCreated)
            clock.pass(seconds: 5)
        }
    }

    /// Of sleepers that were sent off for a later time none is sent off again when an earlier one has woken.
    @Test func nobodySleepsTwiceForOneTime() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true)
        run.decide(at: Moment(clock))
        let start = clock.uptime
        run.sleepers = [start + 1, start + 4]
        clock.pass(seconds: 1)
        run.note(.woke(start + 1), at: Moment(clock), tell: { _ in })
        #expect(run.sleepers == [start + 4])
        #expect(run.pause(Moment(clock), deadline: start + 4) == nil)
        #expect(run.pause(Moment(clock), deadline: start + 2) == 1)
    }
}
