import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// VMs that do not answer their `share.probe`: the fleet is not settled by then, and nothing is harmed for it.
@Suite struct AnswerTests {
    private static let (web, mate) = ("demo-web-n1", "demo-web-n2")
    private static let sketch = FleetSketch(probe: "{path: \"/healthz\"}", batch: 0)

    /// From nothing: VMs answer some seconds after their nodes are ready.
    @Test func aFleetIsSettledOnceItsVMsAnswer() throws {
        let run = try Rehearsal(Self.sketch.fleet(), in: WorldState(seed: 3))
        #expect(run.plan?.isSettled == true, "\(run.plan?.words ?? "")")
        for name in [Self.web, Self.mate] {
            let settled = run.told.last { if case .nodeSettled(name) = $0.event { true } else { false } }
            let waited = run.told.contains { if case .waiting(name, .shareProbeFails(_, .status(502))) = $0.event { true } else { false } }
            let registered = try #require(run.end.machine(name)?.unit?.registeredAt)
            #expect(waited && (settled?.at ?? 0) >= registered + WorldState.webAfter)
        }
    }

    /// The proxy gets nothing from it for a while.
    @Test func whatComesBackIsSettledAgain() throws {
        var world = try WorldState.standing(Self.sketch.fleet())
        world.webOutage = world.now + 120
        let run = try Rehearsal(Self.sketch.fleet(), in: world)
        #expect(run.plan?.isSettled == true && run.effects == [], "\(run.plan?.words ?? "")")
        #expect(run.end.now >= (world.webOutage ?? 0))
    }

    /// Hours of passes: told each time, and its node is what it was.
    @Test func whatNeverComesHarmsNothing() throws {
        var world = try WorldState.standing(Self.sketch.fleet())
        world.endWeb(of: Self.web)
        let before = world
        for _ in 0..<3 {
            let run = try Rehearsal(Self.sketch.fleet(), in: world, isAttended: false)
            #expect(run.plan?.isSettled == false && run.effects == [] && !run.ranOutOfTime)
            #expect(try run.block(Self.web).isOfShareProbe && run.decision(Self.mate) == .settled)
            world = run.end
            world.pass(seconds: 3600)
        }
        #expect(world.machine(Self.web)?.unit?.startedAt == before.machine(Self.web)?.unit?.startedAt)
        #expect(world.machine(Self.web)?.vm.createdAt == before.machine(Self.web)?.vm.createdAt)
    }

    /// An upgrade goes by what Kubernetes says of nodes: it passes by a VM that does not answer, and its end is told.
    @Test func anUpgradePassesByIt() throws {
        var world = try WorldState.standing(Self.sketch.fleet())
        world.endWeb(of: Self.web)
        let new = Self.sketch.with { $0.version = "v1.34.10+k3s1" }
        let run = try Rehearsal(new, in: world, seconds: 1800)
        for name in ["demo-cp-n1", Self.web, Self.mate] {
            #expect(run.end.machine(name)?.unit?.version?.description == "v1.34.10+k3s1", "\(name)")
            #expect(run.end.nodes[name]?.isUnschedulable == false)
        }
        #expect(try run.block(Self.web).isOfShareProbe && run.decision(Self.mate) == .settled)
    }

    @Test(arguments: ["share probe added, and tags", "share probe that is never answered"])
    func survivesWhateverHappensToTheQuestions(name: String) throws {
        let stage = try Stage.named(name)
        let points = stage.reads.indices.filter { if case .web = stage.reads[$0] { true } else { false } }.prefix(12)
        let kinds: [Fault.Kind] = [.unreachable, .webOutage(90), .slow(25), .vanish(0), .reboot(1), .handShare(0), .pause(3600), .rival]
        stage.survives(points.flatMap { point in kinds.map { [Fault($0, at: .read(point))] } })
    }
}
