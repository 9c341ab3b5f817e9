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
