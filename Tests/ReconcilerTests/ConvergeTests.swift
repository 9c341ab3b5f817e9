import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// The loop as a whole, in the simulated world. What goes wrong on the way is ConvergenceTests' matter.
@Suite struct ConvergeTests {
    static func fleet(web: Int = 2, prune: Bool = true, label: String = "front") throws -> DesiredFleet {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1},
             pools: {web: {nodes: \(web), labels: {tier: "\(label)"}, share: {port: 8080, public: true}}, batch: {nodes: 1, isolated: true}},
             policy: {prune: \(prune)}}
            """
        let outcome = FleetFile.parse(text, file: "fleet.json")
        return try #require(outcome.fleet, "\(outcome.diagnostics)")
    }

    private static func blocks(_ plan: Plan) -> [Reason] {
        plan.items.compactMap { if case .blocked(let reason) = $0.decision { reason } else { nil } }
    }

    @Test func settlesAndThenDoesNothing() throws {
        let (fleet, program) = (try Self.fleet(), Program())
        let plan = try program.converge(fleet).result.get().plan
        #expect(plan.isSettled, "\(plan.items)")
        #expect(program.world.snapshot.machines.map(\.name) == fleet.nodes.map(\.name).sorted())
        let again = try program.converge(fleet)
        #expect(try again.result.get().plan.isSettled && again.effects == [])
        // What no list tells of is looked at once more by each start, and once in a while by one that goes on.
        let inspected = try again.result.get().inspected
        #expect(Set(again.reads) == Set(inspected.keys).union([.vms, .cluster]) && again.reads.count == inspected.count + 2)
        let hosts = fleet.nodes.map { ReadTarget.host($0.name) } + ["demo-web-n1", "demo-web-n2"].map(ReadTarget.share)
        #expect(Set(again.reads) == Set(hosts + [.vms, .cluster]))
        #expect(try program.converge(fleet, inspected: inspected).reads.sorted() == [.vms, .cluster])
        program.world.state.withLock { $0.now += 900 }
        #expect(try Set(program.converge(fleet, inspected: inspected).reads) == Set(again.reads))
    }

    @Test func shrinksInOrderAndOnlyWithPrune() throws {
        let program = try Program(over: Self.fleet())
        let kept = try program.converge(Self.fleet(web: 1, prune: false))
        #expect(try kept.result.get().plan.isSettled && kept.effects == [])
        let pruned = try program.converge(Self.fleet(web: 1))
        #expect(try pruned.result.get().plan.isSettled)
        #expect(
            pruned.effects == [
                "cordon demo-web-n2", "drain demo-web-n2", "stop demo-web-n2", "deleteNode demo-web-n2", "removeVM demo-web-n2",
            ])
    }

    @Test func changesALabelAndNothingElse() throws {
        let changed = try Program(over: Self.fleet()).converge(Self.fleet(label: "edge"))
        #expect(try changed.result.get().plan.isSettled)
        #expect(changed.effects.sorted() == ["patchNode demo-web-n1", "patchNode demo-web-n2"])
    }

    @Test func doesOnlyWhatWasApproved() throws {
        let run = try Program().converge(Self.fleet(), approved: ["demo-cp-n1": [.createVM]])
        #expect(run.effects == ["createVM demo-cp-n1"])
    }

    @Test func aLostServerIsNotFoundedAnew() throws {
        let fleet = try Self.fleet()
        let plan = try Program(over: fleet) { $0.vanish("demo-cp-n1") }.look(fleet).result.get().plan
        let server = try #require(plan.items.first { $0.node == "demo-cp-n1" })
        #expect(plan.actions.isEmpty && Self.blocks(plan).count >= 1)
        guard case .blocked = server.decision else {
            Issue.record("\(server.decision)")
            return
        }
    }

    /// The list lacks both web VMs and the batch one: unattended that is no reason to recreate them, and the block ends when they are back.
    @Test func makesNothingAnewAfterAMassLossUnlessAskedTo() throws {
        let fleet = try Self.fleet()
        let program = try Program(over: fleet)
        let all = program.world.snapshot.machines
        program.world.state.withLock { $0.machines.removeAll { !$0.name.contains("-cp-") } }
        let held = try program.converge(fleet, isAttended: false, seconds: 500)
        let blocks = try Self.blocks(held.result.get().plan)
        #expect(blocks.count == 3 && blocks.allSatisfy(\.isBreaker) && held.effects == [])
        program.world.state.withLock { $0.machines = all.filter { $0.name != "demo-web-n1" } }
        let one = try program.converge(fleet, isAttended: false, seconds: 500)
        #expect(try one.result.get().plan.isSettled && one.effects.filter { $0.hasPrefix("createVM") } == ["createVM demo-web-n1"])
    }

    @Test func leavesAFleetToWhoHoldsItsLease() throws {
        let program = try Program(over: Self.fleet())
        program.rival("other/1234")
        let run = try program.converge(Self.fleet(label: "edge"))
        let blocks = try Self.blocks(run.result.get().plan)
        #expect(blocks.count == 2 && blocks.allSatisfy { $0.code == .leaseHeld } && run.effects == [])
        program.rival(nil)
        #expect(try program.converge(Self.fleet(label: "edge")).result.get().plan.isSettled)
    }

    @Test func sendsNothingThatWasNotWrittenDown() throws {
        let run = try Program().converge(Self.fleet(), memory: FullNotebook())
        #expect(throws: EffectError.self) { try run.result.get() }
        #expect(run.effects == [])
    }

    @Test func lookingWritesNothing() throws {
        let run = try Program().look(Self.fleet())
        let plan = try run.result.get().plan
        #expect(plan.actions.count == 4 && !plan.isSettled && run.effects == [])
    }
}
