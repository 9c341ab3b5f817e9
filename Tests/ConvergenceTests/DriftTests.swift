import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// Somebody changes what no list tells of: the loop sees it when it looks, and puts it right.
@Suite struct DriftTests {
    private static let (server, web, mate) = ("demo-cp-n1", "demo-web-n1", "demo-web-n2")

    @Test func sharingChangedByHandIsPutRight() throws {
        let fleet = FleetSketch(guests: ["ada@example.org"]).fleet()
        let before = try WorldState.standing(fleet)
        var world = before
        world.shareByHand(Self.web)
        #expect(world.machine(Self.web)?.share != before.machine(Self.web)?.share)
        let run = try Rehearsal(fleet, in: world)
        #expect(run.effects == ["share \(Self.web)"] && run.plan?.isSettled == true)
        #expect(run.end.machine(Self.web)?.share == before.machine(Self.web)?.share)
    }

    /// The server, and one agent of a pool at a time.
    @Test func aConfigurationEditedByHandIsPutRight() throws {
        let fleet = FleetSketch().fleet()
        let before = try WorldState.standing(fleet)
        var world = before
        for name in [Self.server, Self.web, Self.mate] { world.editConfiguration(of: name) }
        let run = try Rehearsal(fleet, in: world)
        #expect(run.effects.sorted() == ["install \(Self.server)", "install \(Self.web)", "install \(Self.mate)"])
        #expect(run.plan?.isSettled == true, "\(run.plan?.words ?? "")")
        for name in world.names { #expect(run.end.machine(name)?.disk.setup == before.machine(name)?.disk.setup) }
    }

    /// Another program puts it there again and again: it is not fought with.
    @Test func whatIsChangedAgainAtOnceIsNamed() throws {
        let fleet = FleetSketch().fleet()
        var world = try WorldState.standing(fleet)
        world.editConfiguration(of: Self.web)
        let run = try Rehearsal(fleet, in: world) { event, world in
            if case .actionFinished(.install, _) = event { world.editConfiguration(of: Self.web) }
        }
        #expect(run.effects == ["install \(Self.web)"])
        #expect(try run.block(Self.web).code == .hostDriftsAgain)
    }

    /// It holds up nothing else of the node, and nothing of others.
    @Test func aFileBesideOursIsNamed() throws {
        var world = try WorldState.standing(FleetSketch().fleet())
        let file = "/etc/rancher/k3s/config.yaml.d/theirs.yaml"
        world.configure(Self.web, by: file)
        let run = try Rehearsal(FleetSketch(label: "edge").fleet(), in: world)
        #expect(run.effects.sorted() == ["patchNode \(Self.web)", "patchNode \(Self.mate)"])
        #expect(try run.block(Self.web) == .foreignConfiguration(files: [file]))
        #expect(try run.decision(Self.mate) == .settled)
    }

    /// What k3s would be started again with is the operator's to decide first.
    @Test func nothingIsRepairedBesideAFileOfOthers() throws {
        let fleet = FleetSketch().fleet()
        var world = try WorldState.standing(fleet)
        let file = "/etc/rancher/k3s/config.yaml.d/theirs.yaml"
        for name in [Self.server, Self.web] {
            world.configure(name, by: file)
            world.editConfiguration(of: name)
        }
        world.haltK3s(on: Self.mate)
        world.configure(Self.mate, by: file)
        let run = try Rehearsal(fleet, in: world)
        #expect(run.effects == [])
        for name in [Self.server, Self.web, Self.mate] { #expect(try run.block(name) == .foreignConfiguration(files: [file])) }
    }

    /// Before the cluster knows it, which takes it a minute; all at the same time, for nothing is taken from anybody.
    @Test(arguments: [[web], [web, mate], [server], [server, web, mate]], [false, true])
    func k3sThatSomebodyStoppedIsStarted(names: [String], disables: Bool) throws {
        let fleet = FleetSketch().fleet()
        var world = try WorldState.standing(fleet)
        for name in names { world.haltK3s(on: name, disables: disables) }
        let start = world.now
        let run = try Rehearsal(fleet, in: world)
        #expect(run.effects.sorted() == names.map { "install \($0)" }.sorted() && run.plan?.isSettled == true, "\(run.plan?.words ?? "")")
        for name in names { #expect(run.end.machine(name)?.disk.enabled != nil && run.end.isReady(name)) }
        let begun = run.told.compactMap { if case .actionStarted(_, let reason) = $0.event { (at: $0.at, code: reason.code) } else { nil } }
        #expect(begun.allSatisfy { $0.at - start < ClusterModel.patience && $0.code == .k3sStopped })
    }

    /// The Node is patched; what is written for its next registration restarts nothing.
    @Test func taintsAreChangedWithoutARestart() throws {
        let world = try WorldState.standing(FleetSketch().fleet())
        var sketch = FleetSketch()
        sketch.isTainted = true
        let run = try Rehearsal(sketch.fleet(), in: world)
        #expect(run.plan?.isSettled == true, "\(run.plan?.words ?? "")")
        for name in [Self.web, Self.mate] {
            let machine = try #require(run.end.machine(name))
            #expect(machine.unit?.startedAt == world.machine(name)?.unit?.startedAt && machine.disk.setup?.taints.count == 1)
            #expect(run.end.nodes[name]?.taints.count == 1)
        }
        #expect(run.effects.sorted() == ["install", "patchNode"].flatMap { step in [Self.web, Self.mate].map { "\(step) \($0)" } })
    }

    /// A host that cannot be looked into is no reason to do anything, nor to wait, while its node is well.
    @Test func aHostThatCannotBeLookedIntoIsLeftAlone() throws {
        let stage = try Stage.named("nothing to do")
        stage.survives(stage.reads.indices.map { [Fault(stage.reads[$0] == .vms ? .api(.status502) : .unreachable, at: .read($0))] }) {
            $0.effects.isEmpty ? nil : "\($0.effects.map(\.words))"
        }
        #expect(stage.reads.contains(.host(Self.web)) && stage.reads.contains(.share(Self.web)))
    }

    /// Whenever it happens. Seed 1123: a Node that somebody deleted did not count as down while another one of its pool was put right.
    @Test(arguments: ["nothing to do", "grow", "share change", "configuration change", "node deleted by hand"])
    func whateverIsChangedByHandMeanwhileIsPutRight(name: String) throws {
        let stage = try Stage.named(name)
        let hands: [Fault.Kind] = [.handShare(0), .handEdit(0), .handEdit(1), .handEdit(2)]
        let points = stage.effects.indices.map(Fault.Point.effect) + stage.reads.indices.map(Fault.Point.read)
        stage.survives(points.flatMap { point in hands.map { [Fault($0, at: point)] } })
    }
}
