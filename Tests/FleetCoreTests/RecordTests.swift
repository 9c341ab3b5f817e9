import Foundation
import K3s
import Testing

@testable import FleetCore

/// What a record learns of its machine.
@Suite struct RecordTests {
    private static let stages: [(before: LeaveStage, after: LeaveStage)] = [
        (.begun, .begun), (.drained, .drained), (.stopped, .drained), (.nodeDeleted, .drained), (.returning, .returning),
    ]

    /// k3s that is told to start may run from then on, whatever becomes of the answer: it is stopped once more.
    @Test(arguments: stages) func whatMayRunIsNotStopped(before: LeaveStage, after: LeaveStage) {
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        var instance = Instance(createdAt: "then")
        ledger.nodes["n"] = .leaving(instance, before)
        ledger.installSent("n", as: .agent, at: 100)
        (instance.startedAt, instance.configuration) = (100, .unknown)
        #expect(ledger.nodes["n"] == .leaving(instance, after))
    }

    private static func listed(_ createdAt: String, _ known: NodeRecord, isWanted: Bool = true) -> NodeRecord? {
        let vm = ObservedVM(
            name: "n", status: .running, tags: [], address: .init(host: "h", port: nil, user: nil), createdAt: createdAt, url: nil)
        return .listed(vm, known: known, isWanted: isWanted, now: 100)
    }

    /// An old list shows the machine before, of which there is nothing to learn.
    @Test func anOldListIsNoNews() {
        var instance = Instance(after: "then")
        #expect(Self.listed("then", .present(instance)) == nil)
        instance.createdAt = "later"
        #expect(Self.listed("then", .present(instance)) == nil)
        #expect(Self.listed("later", .present(instance)) == .present(instance))
    }

    /// So does a list that was asked for before `new`; when nothing came of that, the machine was never gone.
    @Test func aRequestIsWaitedForByWhatWasBefore() {
        let before = NodeRecord.present(Instance(createdAt: "then"))
        #expect(Self.listed("then", .requested(VMRequest(sentAt: 90, previous: before))) == nil)
        #expect(Self.listed("then", .requested(VMRequest(sentAt: 20, previous: before))) == before)
        let arrived = Self.listed("later", .requested(VMRequest(sentAt: 90, previous: before)))
        #expect(arrived?.createdAt == "later" && arrived?.instance?.hasStaleIdentity == true)
    }

    /// A machine that was made anew was not drained nor stopped as the one before was. What no pool asks for may run k3s all the same.
    @Test(arguments: [true, false]) func aMachineMadeAnewBeginsAnew(isWanted: Bool) {
        var instance = Instance(after: "then")
        instance.createdAt = "later"
        if !isWanted { instance.startedAt = 100 }
        for stage in [LeaveStage.begun, .drained, .stopped, .nodeDeleted] {
            #expect(Self.listed("later", .leaving(Instance(createdAt: "then"), stage), isWanted: isWanted) == .present(instance))
        }
    }

    /// What exe.dev was asked to make of its size survives the process.
    @Test func aResizeIsKept() throws {
        var instance = Instance(createdAt: "then")
        instance.resize = ResizeRecord(sizes: VMSizes(cpu: 4, disk: "40GB"))
        instance.resize?.stage = .restarting
        instance.resize?.approval = DiskApproval(requestedBytes: 1, selfServeBytes: nil, reasons: ["per_vm"])
        instance.otherSizeSince = 7
        instance.listedSize = VMFields.Size(cpu: 2, memoryBytes: 3 << 30)
        let record = NodeRecord.present(instance)
        #expect(try JSONDecoder().decode(NodeRecord.self, from: JSONEncoder().encode(record)) == record)
    }
}
