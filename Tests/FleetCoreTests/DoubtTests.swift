import FleetCore
import Testing

/// What a record is worth whose last write was lost.
@Suite struct DoubtTests {
    private static let stages: [(before: LeaveStage, after: LeaveStage)] = [
        (.begun, .begun),
        // Somebody may have given the node back, and then it was cordoned again: pods may run on it.
        (.drained, .begun), (.stopped, .begun), (.nodeDeleted, .begun),
        (.returning, .returning),
    ]

    @Test(arguments: stages) func assumesTheWorstOfARemoval(before: LeaveStage, after: LeaveStage) {
        var instance = Instance(createdAt: "today")
        (instance.startedAt, instance.configuration) = (5, .digest("x"))
        instance.sharing = .known(Share(port: 80, isPublic: false, users: ["a@b.c"]))
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        ledger.nodes["n"] = .leaving(instance, before)
        (instance.startedAt, instance.poweredOnAt, instance.commandSentAt, instance.configuration) = (100, 100, 100, .unknown)
        instance.sharing = .uncertain(grants: ["a@b.c"])
        #expect(ledger.doubted(at: 100).nodes["n"] == .leaving(instance, after))
    }

    /// What this ledger never set is not set because of a damage.
    @Test func whatWasNeverSetIsNotDoubted() {
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        ledger.nodes["n"] = .present(Instance(createdAt: "today"))
        let doubted = ledger.doubted(at: 100).nodes["n"]
        #expect(doubted?.configuration == .notRecorded && doubted?.sharing == .notSet)
    }
}
