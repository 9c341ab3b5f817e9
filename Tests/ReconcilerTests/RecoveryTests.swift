import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// A state directory that is lost, and a ledger made anew from what can be observed.
@Suite struct RecoveryTests {
    private let fleet: DesiredFleet
    private let program: Program

    init() throws {
        fleet = try ConvergeTests.fleet()
        program = try Program(over: fleet) { world in
            // Long ago, so that nothing is young any more.
            world.now += 1000
            world.settle()
            world.disk = nil
        }
    }

    private func change(_ body: (inout WorldState) -> Void) { program.world.state.withLock(body) }

    private var startTimes: [Double?] { program.world.snapshot.machines.map { $0.unit?.startedAt } }

    private func refusal(_ fleet: DesiredFleet? = nil) throws -> RecoveryRefusal? {
        let error = #expect(throws: RecoveryRefusal.self) { try program.recover(fleet ?? self.fleet).result.get() }
        #expect(error.map { !$0.description.isEmpty && !$0.advice.isEmpty } == true && program.world.snapshot.disk == nil)
        return error
    }

    /// Without it every host is somebody else's.
    @Test func aNewLedgerTouchesNothing() throws {
        let run = try program.converge(fleet)
        let plan = try run.result.get().plan
        #expect(plan.items.allSatisfy { if case .blocked = $0.decision { true } else { false } } && run.effects == [], "\(plan.items)")
    }

    @Test func theFleetGoesOnAndNothingIsRestarted() throws {
        let before = startTimes
        let run = try program.recover(fleet)
        let recovered = try run.result.get()
        #expect(run.effects == [] && recovered.findings.values.allSatisfy { $0 == .ours } && recovered.findings.count == 4)
        #expect(recovered.ledger.founder == "demo-cp-n1" && recovered.ledger.caHash != nil && recovered.ledger.digests.count == 1)
        let next = try program.converge(fleet)
        #expect(try next.result.get().plan.isSettled && startTimes == before)
        let expected = fleet.nodes.map { "install \($0.name)" } + ["share demo-web-n1", "share demo-web-n2"]
        #expect(next.effects.sorted() == expected.sorted())
        let again = try program.converge(fleet)
        #expect(try again.result.get().plan.isSettled && again.effects == [])
    }

    /// Of what no pool asks for, only what is proven to be ours is removed.
    @Test func prunesWhatIsProvenAlone() throws {
        change { world in
            world.rebuild("demo-web-n8", tags: ["fleet-demo"])
            world.rebuild("demo-web-n9", tags: ["fleet-demo"])
            world.now += 1000
            world.settle()
            let other = world.machines.firstIndex { $0.name == "demo-web-n9" }!
            world.machines[other].writeThrough { $0.clusterID = "another" }
        }
        let fewer = try ConvergeTests.fleet(web: 1)
        let findings = try program.recover(fewer).result.get().findings
        #expect(findings["demo-web-n2"] == .ours && findings["demo-web-n1"] == .ours)
        #expect(findings["demo-web-n8"] == .leftAlone(nil) && findings["demo-web-n9"] == .ofOtherCluster(id: "another"))
        _ = try program.converge(fewer)
        let names = program.world.snapshot.machines.map(\.name).sorted()
        #expect(names == ["demo-batch-n1", "demo-cp-n1", "demo-web-n1", "demo-web-n8", "demo-web-n9"])
    }

    /// A host that does not answer is taken for ours once it says so; one that is bare is set up.
    @Test func hostsThatProveNothingAreReadLater() throws {
        change { world in
            world.machines.removeAll { $0.name == "demo-web-n2" }
            world.rebuild("demo-web-n2", tags: ["fleet-demo"])
            world.now += 1000
            world.settle()
            let silent = world.machines.firstIndex { $0.name == "demo-web-n1" }!
            world.machines[silent].sshAt = world.now + 60
        }
        let findings = try program.recover(fleet).result.get().findings
        guard case .unproven(_?) = findings["demo-web-n1"] else {
            Issue.record("\(findings)")
            return
        }
        #expect(findings["demo-web-n2"] == .unproven(nil))
        #expect(try program.converge(fleet).result.get().plan.isSettled)
    }

    @Test func refusesWithoutItsServer() throws {
        change { $0.machines.removeAll { $0.name == "demo-cp-n1" } }
        #expect(try refusal() == .serverMissing("demo-cp-n1"))
    }

    @Test func refusesAServerThatDoesNotAnswer() throws {
        change { world in world.machines[world.machines.firstIndex { $0.name == "demo-cp-n1" }!].sshAt = 1e12 }
        guard case .serverUnreadable("demo-cp-n1", _)? = try refusal() else {
            Issue.record("it must not be recovered")
            return
        }
    }

    /// It would be founded once more, beside the agents of the cluster that was.
    @Test func refusesAServerThatLostItsDisk() throws {
        change { world in
            let server = world.machines.firstIndex { $0.name == "demo-cp-n1" }!
            world.machines[server].writeThrough { $0.serverData = nil }
        }
        #expect(try refusal() == .serverLostItsData("demo-cp-n1"))
    }

    @Test func refusesAServerWithoutAMark() throws {
        change { world in
            let server = world.machines.firstIndex { $0.name == "demo-cp-n1" }!
            world.machines[server].writeThrough { $0.clusterID = nil }
        }
        #expect(try refusal() == .serverUnmarked("demo-cp-n1"))
    }

    @Test func refusesAnotherAccount() throws {
        change { world in for index in world.machines.indices { world.machines[index].tags = [] } }
        #expect(try refusal() == .noVMs(tag: "fleet-demo"))
    }
}
