import FleetCore
import K3s
import Testing

@testable import Reconciler
@testable import Simulation

/// Which hosts are looked into, and when.
@Suite struct InspectionTests {
    private static let targets = (1...6).map { ReadTarget.host("n\($0)") }

    private static func due(_ done: Inspected, limit: Int = 6, at uptime: Double = 10_000, wall: Double? = nil) -> [ReadTarget] {
        let clock = VirtualClock()
        var (moment, inspections) = (Moment(clock), Inspections(done))
        (moment.uptime, moment.wall) = (uptime, wall ?? 0)
        inspections.plan(targets, limit: limit, moment)
        return inspections.waiting
    }

    @Test func aProcessThatBeginsLooksAtAll() {
        #expect(Self.due([:]) == Self.targets)
    }

    @Test func whatWasSeenAMomentAgoIsNotDue() {
        let done = Dictionary(uniqueKeysWithValues: Self.targets.enumerated().map { ($1, 9000 + Double($0) * 100) })
        #expect(Self.due(done, at: 9899) == [])
        #expect(Self.due(done, at: 10_100) == Array(Self.targets.prefix(3)))
    }

    @Test func theLongestUnseenComeFirst() {
        var done = Dictionary(uniqueKeysWithValues: Self.targets.map { ($0, 5000.0) })
        (done[Self.targets[4]], done[Self.targets[2]]) = (nil, 4000)
        #expect(Self.due(done, limit: 3) == [Self.targets[4], Self.targets[2], Self.targets[0]])
    }

    /// `apply` by a timer: each time another process, which knows nothing of the one before.
    @Test func startAfterStartSeesAll() {
        let seen = (0..<3).map { Self.due([:], limit: 2, wall: Double($0) * Inspections.interval) }
        #expect(seen.flatMap(\.self) == Self.targets)
    }

    /// What was observed under another machine's Lease is observed again.
    @Test func afterAStandstillAllIsLookedAtAgain() {
        let clock = VirtualClock()
        var inspections = Inspections([:])
        inspections.plan(Self.targets, limit: 6, Moment(clock))
        Self.look(&inspections, clock.uptime)
        #expect(inspections.isOver && inspections.done.count == 6)
        inspections.restart()
        inspections.plan(Self.targets, limit: 6, Moment(clock))
        #expect(inspections.waiting == Self.targets)
    }

    /// A reading of the cluster that failed drops what was seen inside.
    @Test func whatWasSeenInVainIsLookedAtAgain() {
        let clock = VirtualClock()
        var inspections = Inspections([Self.targets[0]: clock.uptime])
        inspections.plan(Self.targets, limit: 6, Moment(clock))
        Self.look(&inspections, clock.uptime + 1)
        for target in [Self.targets[0], Self.targets[2]] { inspections.lost(target) }
        #expect(inspections.waiting == [Self.targets[2]], "an earlier run saw the first one")
    }

    private static func look(_ inspections: inout Inspections, _ uptime: Double) {
        for target in inspections.waiting {
            inspections.took(target)
            inspections.ended(target, uptime)
        }
    }

    /// What a ready node's host said is not what a silent one is judged by.
    @Test func aSilentNodesHostIsProbedAnew() {
        var observed = Observation()
        func reading(_ ready: Readiness) -> ObservedCluster {
            var reading = ClusterReading()
            reading.nodes = [NodeReading(name: "n", ready: ready, version: nil, internalIP: nil)]
            return .read(reading)
        }
        observed.note(.cluster(reading(.ready)))
        observed.note(.host("n", .unreachable("timed out")))
        observed.note(.cluster(reading(.ready)))
        #expect(observed.hosts["n"] != nil)
        observed.note(.cluster(reading(.unknown)))
        #expect(observed.hosts["n"] == nil)
        observed.note(.host("n", .unreachable("timed out")))
        observed.note(.cluster(reading(.notReady(reason: "KubeletNotReady"))))
        #expect(observed.hosts["n"] != nil)
    }

    /// Nor for a host that nobody can enter while its node is ready: it is said.
    @Test func aHostThatCannotBeSeenIsNamed() throws {
        let program = try Program(over: ConvergeTests.fleet()) { world in
            world.faults = (2..<20).map { Fault(.refused, at: .read($0)) }
        }
        let run = try program.converge(ConvergeTests.fleet())
        #expect(try run.effects == [] && run.result.get().plan.isSettled)
        let failed = run.events.compactMap { event in if case .readFailed(.host(let name), _) = event { name } else { nil } }
        let names = try ConvergeTests.fleet().nodes.map(\.name)
        #expect(failed.sorted() == names.sorted())
    }

    /// What is the matter with a node is looked at again by the next run, not a quarter of an hour later.
    @Test func aNodeThatIsBlockedIsSeenAgainSoon() throws {
        let program = try Program(over: ConvergeTests.fleet()) { $0.lockOut("demo-web-n1") }
        let inspected = try program.converge(ConvergeTests.fleet()).result.get().inspected
        #expect(inspected[.host("demo-web-n1")] == nil && inspected[.host("demo-web-n2")] != nil)
    }

    /// A token that may not show sharing, or a VM whose sharing cannot be read: nothing ends for it, and it is said.
    @Test func sharingThatCannotBeReadEndsNothing() throws {
        let program = try Program(over: ConvergeTests.fleet()) { world in
            world.faults = (2..<20).map { Fault(.api(.status403), at: .read($0)) }
        }
        let run = try program.converge(ConvergeTests.fleet())
        #expect(run.effects == [])
        #expect(try run.result.get().plan.isSettled)
        let failed = run.events.compactMap { event in if case .readFailed(let target, _) = event { target } else { nil } }
        #expect(Set(failed) == [.share("demo-web-n1"), .share("demo-web-n2")])
        #expect(try run.result.get().inspected.keys.allSatisfy { !failed.contains($0) })
    }
}
