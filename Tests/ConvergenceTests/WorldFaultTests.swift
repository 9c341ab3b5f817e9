import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

@testable import Simulation

/// What the simulated world does to the product beside answers that fail, and that the proof would notice a product that takes it badly.
@Suite struct WorldFaultTests {
    // MARK: effects that take long

    private struct Outcome: Equatable {
        /// Whole seconds that the caller waited.
        var waited: Double
        var isKnown: Bool
        var isDone: Bool
    }

    private static func outcome(of fault: Fault.Kind, _ change: Change) throws -> Outcome {
        let fleet = FleetSketch(web: 1, batch: 0).fleet()
        var start = try WorldState.standing(fleet)
        start.faults = [Fault(fault, at: .effect(0))]
        let world = SimulatedWorld(start)
        let process = try #require(world.boot(.apply, fleet))
        let server = try #require(start.list(back: 0).first { $0.name == "demo-cp-n1" })
        let isKnown = world.run(process) { () async -> (Bool, Double) in
            let began = process.uptime
            do throws(EffectError) {
                switch change {
                case .patch: _ = try await process.run(.patchNode(PatchNode(node: "demo-web-n1", patch)), on: server)
                case .create: _ = try await process.create(CreateVM(node: "demo-web-n2", vm: fleet.nodes[1].vm, ownerTag: "fleet-demo"))
                }
                return (true, process.uptime - began)
            } catch {
                if case .observeAgain = error.remedy { return (false, process.uptime - began) }
                return (true, process.uptime - began)
            }
        }
        let (known, seconds) = try #require(isKnown)
        let end = world.snapshot
        let isDone = change == .patch ? end.nodes["demo-web-n1"]?.labels["slow"] == "1" : end.machine("demo-web-n2") != nil
        return Outcome(waited: (seconds / 5).rounded() * 5, isKnown: known, isDone: isDone)
    }

    private enum Change { case patch, create }

    private static let patch = NodePatch(labels: ["slow": "1"], taints: nil, annotations: [:], summary: "")

    /// A patch may take 60 s (`Step.deadlineSeconds`), a command of exe.dev 35 s.
    @Test func whatTakesLongerThanItsDeadlineIsGivenUp() throws {
        let rows: [(Fault.Kind, Change, Outcome)] = [
            (.slow(20), .patch, Outcome(waited: 20, isKnown: true, isDone: true)),
            (.slow(90), .patch, Outcome(waited: 60, isKnown: false, isDone: true)),
            (.slowThere(20), .patch, Outcome(waited: 20, isKnown: true, isDone: true)),
            (.slowThere(90), .patch, Outcome(waited: 60, isKnown: false, isDone: false)),
            (.slow(20), .create, Outcome(waited: 20, isKnown: true, isDone: true)),
            (.slow(90), .create, Outcome(waited: 35, isKnown: false, isDone: true)),
        ]
        for (fault, change, outcome) in rows { #expect(try Self.outcome(of: fault, change) == outcome, "\(fault) \(change)") }
    }

    /// A host that took a minute and a half until it restarted k3s reads ready as it was before: the next one waits from then on.
    @Test func whatWasStartedCountsFromTheEndOfItsScript() throws {
        let stage = try Stage.named("configuration change")
        stage.survives([90.0, 150].map { [Fault(.slowThere($0), at: .effect(0))] })
    }

    // MARK: VMs of others on our names

    /// In the middle of a roll-out: what others made is theirs from the first list on that shows it.
    @Test func aVMThatSomebodyRebuiltIsTheirs() throws {
        let stage = try Stage.named("configuration change")
        let faults = stage.effects.indices.map { [Fault(.rebuiltByOthers(1), at: .effect($0))] }
        stage.survives(faults) { end in
            guard let name = end.taken.first, let machine = end.machine(name) else { return "nothing was rebuilt" }
            return machine.tags == ["theirs"] && machine.disk == Machine.HostDisk() ? nil : "it was touched"
        }
        let last = try #require(faults.last)
        guard case .plan(let plan)? = stage.trial(last).outcomes.last else { throw Missing() }
        #expect(plan.items.compactMap { $0.decision.reason?.code } == [.vmForeign])
        // Without the rule its host's key alone keeps us out, and nobody is told whose it is.
        stage.hurts("liveness", without: .ownershipIsSeen, last)
    }

    private struct Missing: Error {}

    // MARK: Ready flapping

    /// Nothing is done to a node that comes and goes, and its fleet is settled again.
    @Test func aNodeThatComesAndGoesIsLeftAlone() throws {
        let stage = try Stage.named("nothing to do")
        for index in stage.start.machines.indices {
            let verdict = stage.trial([Fault(.flapping(index), at: .read(0))])
            #expect(verdict.violations == [] && verdict.end.effects == [], "\(verdict.plans)")
            #expect(verdict.end.machines[index].flapsUntil > 0)
        }
    }

    /// Its Node is all that one has, then it is not, then it is unknown.
    @Test func theWorldShowsItSo() throws {
        var world = try WorldState.standing(FleetSketch(web: 1, batch: 0).fleet())
        let place = try #require(world.at("demo-web-n1"))
        world.machines[place].flapsUntil = world.now + Machine.flapping
        var seen: [ClusterModel.Node.Condition] = []
        for _ in 0..<40 {
            world.pass(seconds: 10)
            let condition = try #require(world.clusters[0].nodes["demo-web-n1"]?.condition(now: world.now))
            if seen.last != condition { seen.append(condition) }
        }
        #expect(Set(seen).count == 3 && seen.count >= 6 && seen.last == .ready, "\(seen)")
    }

    // MARK: limits of 2 and 3

    @Test(arguments: [("shrink by two at once", 2), ("shrink by three at once", 3)]) func severalLeaveAtOnce(name: String, count: Int)
        throws
    {
        let kinds = try Stage.named(name).effects.map(\.kind)
        let removed = try #require(kinds.firstIndex(of: .removeVM))
        #expect(kinds[..<removed].count { $0 == .cordon } == count, "\(kinds)")
    }

    @Test(arguments: [("configuration change of two at once", 2), ("configuration change of three at once", 3)])
    func severalAreRestartedAtOnce(name: String, count: Int) throws {
        let verdict = try Stage.named(name).trial()
        let started = verdict.end.machines.compactMap { $0.isAgent ? $0.unit?.startedAt : nil }.sorted()
        let first = try #require(started.first)
        #expect(started.count == 4 && started.count { $0 - first < WorldState.joinAfter } == count, "\(started)")
    }
}
