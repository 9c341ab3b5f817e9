import FleetCore
import K3s
import Testing

@testable import Reconciler

/// What the ledger learns from what was observed.
@Suite struct BookkeepingTests {
    private static let name = "demo-web-n9"

    /// No pool asks for this record's machine, and the list lacks it. The cluster answers, and lacks its node too unless it `hasNode`.
    private static func facts(_ record: NodeRecord, hasNode: Bool = false) throws -> FleetFacts {
        let fleet = try ConvergeTests.fleet()
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        (ledger.founder, ledger.caHash) = (fleet.nodes.first?.name, "ca")
        ledger.nodes[name] = record
        var (observed, reading) = (Observation(), ClusterReading())
        observed.vms = [:]
        (reading.apiReady, reading.clusterID, reading.caHash) = (true, "c1", "ca")
        if hasNode { reading.nodes = [NodeReading(name: name, ready: .unknown, version: nil, internalIP: nil)] }
        observed.cluster = .read(reading)
        return FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: 1000)
    }

    /// Whichever machine founded the cluster: who sees that it is there knows where it was founded.
    @Test func aClusterThatAnswersHasAFounder() throws {
        var facts = try Self.facts(.present(Instance()))
        let server = try #require(facts.ledger.founder)
        (facts.ledger.founder, facts.ledger.caHash) = (nil, nil)
        facts.learn(listedAt: 1000)
        #expect(facts.ledger.founder == server && facts.ledger.caHash == "ca")
    }

    /// Of what was missing for long nothing is remembered, unless its node is in the cluster, or its password may be.
    @Test(
        arguments: [
            (nil, false, false), (nil, true, true), (.begun, false, true), (.drained, false, true), (.stopped, false, true),
            (.nodeDeleted, false, false), (.nodeDeleted, true, true),
        ] as [(LeaveStage?, Bool, Bool)])
    func whatIsMissingForLongIsForgotten(stage: LeaveStage?, hasNode: Bool, isKept: Bool) throws {
        var instance = Instance(createdAt: "then")
        instance.missingSince = 1000 - (stage == .nodeDeleted ? 60 : 600)
        var facts = try Self.facts(stage.map { .leaving(instance, $0) } ?? .present(instance), hasNode: hasNode)
        facts.learn(listedAt: 999.5)
        #expect(facts.ledger.nodes[Self.name] != nil)
        facts.learn(listedAt: 1000)
        #expect((facts.ledger.nodes[Self.name] != nil) == isKept)
    }

    /// What a reading lacks that was asked for before a machine went may have joined since, however late the answer came.
    @Test(arguments: [(995.0, false, true), (995.5, false, false), (999, true, true)])
    func aRemovedMachineIsForgottenByALaterReading(readAt: Double, hasNode: Bool, isKept: Bool) throws {
        var facts = try Self.facts(.gone(RemovedInstance(createdAt: "then", removedAt: 995)), hasNode: hasNode)
        facts.readAt = (readAt, readAt)
        facts.learn(listedAt: 1000)
        #expect((facts.ledger.nodes[Self.name] != nil) == isKept)
    }
}
