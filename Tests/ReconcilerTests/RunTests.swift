import FleetCore
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
        run.looking.insert(.vms)
        let vm = ObservedVM(
            name: action.node, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
            createdAt: "then", url: nil)
        run.note(.did(action, .success(.created(vm)), seconds: 1), at: Moment(clock), tell: { _ in })
        run.note(.saw(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        return run.seen.vms?[action.node] != nil
    }

    /// The guard `spoiledLook`; exedev-sim guards names this test.
    @Test func aListFromBeforeAChangeIsThrownAway() throws {
        #expect(try Self.afterAnOldList(lifted: []))
        #expect(try !Self.afterAnOldList(lifted: [.spoiledLook]))
    }
}
