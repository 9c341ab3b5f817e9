import K3s
import Testing

@testable import FleetCore
@testable import Reconciler
@testable import Simulation

/// Waiting for a place, and for how long.
@Suite struct PacingTests {
    private static let unmanagedVMs = ["demo-old-n1", "demo-old-n2"]

    /// A settled fleet of which two VMs are asked for no more.
    private static func facts(deletionsPerPass: Int) throws -> FleetFacts {
        var fleet = try ConvergeTests.fleet()
        fleet.limits.deletionsPerPass = deletionsPerPass
        fleet.policy.prune = true
        var (observed, reading) = (Observation(), ClusterReading())
        (reading.apiReady, reading.clusterID, reading.caHash) = (true, "c1", "ca")
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        (ledger.founder, ledger.caHash) = (fleet.nodes[0].name, "ca")
        let names = fleet.nodes.map(\.name) + unmanagedVMs
        for name in names {
            ledger.nodes[name] = .present(Instance(createdAt: "then"))
        }
        let vms = names.map { name in
            ObservedVM(
                name: name, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
                createdAt: "then", url: nil)
        }
        reading.nodes = names.map { NodeReading(name: $0, ready: .ready, version: fleet.cluster.k3s, internalIP: "100.64.0.1") }
        observed.note(.vms(vms))
        observed.note(.cluster(.read(reading)))
        return FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: 1000)
    }

    private static func decisions(_ facts: FleetFacts) -> [Decision] {
        let plan = Planner.plan(facts)
        return unmanagedVMs.map { name in plan.items.first { $0.node == name }?.decision ?? .settled }
    }

    @Test func oneGoesAndTheOtherWaits() throws {
        let decisions = Self.decisions(try Self.facts(deletionsPerPass: 1))
        #expect(decisions[0].action?.kind == .cordon)
        #expect(decisions[1] == .wait(Wait(.limitReached(.deletionsPerPass, 1, by: ["demo-old-n1"]))))
    }

    /// Killed after `rm` and before its answer was written down: what is missing since counts against maxVMs for a minute, not for ever.
    @Test func aRemovalWithoutAnAnswerGivesItsPlaceBack() throws {
        let program = try Program(over: FleetSketch(web: 1, maxVMs: 4).fleet()) {
            $0.disk?.nodes["demo-old-n1"] = .leaving(Instance(createdAt: "then"), .nodeDeleted)
        }
        let run = try program.converge(FleetSketch(web: 2, maxVMs: 4).fleet())
        #expect(try run.result.get().plan.isSettled && run.effects.contains("createVM demo-web-n2"), "\(run.effects)")
        #expect(program.world.snapshot.disk?.nodes["demo-old-n1"] == nil)
    }

    /// Who was refused on its way out keeps its place, and nobody waits for it for ever.
    @Test func aPlaceThatIsHeldByTheBlockedBlocks() throws {
        var facts = try Self.facts(deletionsPerPass: 1)
        facts.ledger.removalReached(.drained, Self.unmanagedVMs[0])
        facts.notes[Self.unmanagedVMs[0], default: .init()].refusal = .actionRefused("the key is another", advice: "look why")
        let decisions = Self.decisions(facts)
        #expect(decisions[0] == .blocked(.actionRefused("the key is another", advice: "look why")))
        #expect(
            decisions[1] == .blocked(.limitHeld(.deletionsPerPass, 1, by: ["demo-old-n1"])))
    }

    /// Who was refused before anything was begun has no place.
    @Test func theRefusedTakesNoPlace() throws {
        var facts = try Self.facts(deletionsPerPass: 1)
        facts.notes[Self.unmanagedVMs[0], default: .init()].refusal = .actionRefused("the key is another", advice: "look why")
        #expect(Self.decisions(facts)[1].action?.kind == .cordon)
    }

    @Test func noPlaceAtAllIsSaid() throws {
        #expect(
            Self.decisions(try Self.facts(deletionsPerPass: 0))
                == Array(repeating: .blocked(.limitHeld(.deletionsPerPass, 0, by: [])), count: 2))
    }

    /// That a node was ready a few seconds after its restart says nothing, however long ago it was read: 60 s pass before the cluster misses it.
    @Test(arguments: [(10.0, false), (64, false), (66, true)]) func onlyALateReadingEndsARestart(readAfter: Double, isUp: Bool) throws {
        var facts = try Self.facts(deletionsPerPass: 0)
        let agents = facts.fleet.nodes.filter { $0.role == .agent }
        let (first, second) = (agents[0], agents[1])
        try #require(first.pool == second.pool && facts.fleet.limits.maxUnavailable == .count(1))
        for node in facts.fleet.nodes where node.name != second.name {
            guard case .install(let step) = facts.install(node, overlay: "100.64.0.1") else { continue }
            facts.ledger.change(node.name) { $0.configuration = .digest(step.digest) }
        }
        let restartedAt = facts.now - 80
        facts.ledger.change(first.name) { $0.startedAt = restartedAt }
        facts.readAt = (facts.now - 80 + readAfter, .infinity)
        let decision = try #require(Planner.plan(facts).items.first { $0.node == second.name }?.decision)
        #expect((decision.action?.kind == .install) == isUp, "\(decision)")
    }
}
