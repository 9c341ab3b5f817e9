import FleetCore
import K3s
import Testing

@testable import Reconciler

/// A plan that is kept up. That it is always the one made from nothing is what the proof by simulation checks at every turn
/// (`SimulatedWorld.audit`); here is what that check rests on.
@Suite struct DraftTests {
    private static func facts(now: Double = 1000) throws -> FleetFacts {
        let fleet = try ConvergeTests.fleet()
        var seen = Observation()
        let vms = fleet.nodes.map { node in
            ObservedVM(
                name: node.name, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
                createdAt: "then", url: nil)
        }
        seen.note(.vms(vms))
        let ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        return FleetFacts(fleet: fleet, seen: seen, ledger: ledger, now: now)
    }

    /// What nobody tells a plan it does not learn: the comparison can fail.
    @Test func onlyWhatIsToldIsTakenIn() throws {
        var facts = try Self.facts()
        var draft = Draft(of: facts)
        draft.update(&facts)
        #expect(draft.plan == Planner.plan(facts))
        let name = try #require(facts.fleet.nodes.last?.name)
        facts.seen.vms?[name]?.status = .paused
        draft.update(&facts, nodes: [])
        #expect(draft.plan != Planner.plan(facts))
        draft.update(&facts, nodes: [name])
        #expect(draft.plan == Planner.plan(facts))
    }

    /// What concerns the whole fleet needs nobody's word.
    @Test func whatConcernsAllIsNoticed() throws {
        var facts = try Self.facts()
        var draft = Draft(of: facts)
        draft.update(&facts)
        var reading = ClusterReading()
        (reading.apiReady, reading.clusterID, reading.caHash) = (true, "another", "ca")
        facts.seen.note(.cluster(.read(reading)))
        facts.ledger.caHash = "ca"
        draft.update(&facts, nodes: [])
        #expect(draft.plan == Planner.plan(facts))
        facts.seen.vms = nil
        draft.update(&facts, nodes: [])
        #expect(draft.plan == Planner.plan(facts))
    }

    /// A line that time may change is made anew when its time has come, and not before.
    @Test func timeIsHeeded() throws {
        var facts = try Self.facts()
        let name = try #require(facts.fleet.nodes.last?.name)
        facts.seen.vms?[name] = nil
        facts.ledger.vms[name] = .init()
        facts.ledger.vms[name]?.creating = facts.now
        var draft = Draft(of: facts)
        draft.update(&facts)
        let end = facts.now + Planner.creationGrace
        #expect((end - 1..<end + 0.01).contains(draft.goodUntil))
        for moment in [end - 5, end - 0.0005, end, end + 0.0005, end + 60] {
            facts.now = moment
            draft.update(&facts, nodes: [])
            #expect(draft.plan == Planner.plan(facts), "at \(moment)")
        }
    }
}
