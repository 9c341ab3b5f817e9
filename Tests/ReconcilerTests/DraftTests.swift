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

    private static func vm(_ name: String, tags: [String]) -> ObservedVM {
        ObservedVM(
            name: name, status: .running, tags: tags, address: .init(host: "h", port: nil, user: nil), createdAt: "then", url: nil)
    }

    /// What no pool asks for comes, changes, loses its VM or its tag, is refused and goes, one at a time: the lines and the counts are those of
    /// a plan from nothing.
    @Test func straysComeAndGo() throws {
        var facts = try Self.facts()
        let tag = facts.fleet.cluster.tag
        (facts.ledger.founder, facts.ledger.caHash) = (facts.serverName, "ca")
        var reading = ClusterReading()
        (reading.apiReady, reading.clusterID, reading.caHash) = (true, "c1", "ca")
        // In no order.
        let names = ["demo-old-n2"] + facts.fleet.nodes.map(\.name) + ["demo-old-n1"]
        reading.nodes = names.map { NodeReading(name: $0, ready: .unknown, version: facts.fleet.cluster.k3s, internalIP: "100.64.0.1") }
        facts.seen.note(.cluster(.read(reading)))
        #expect(names.allSatisfy { facts.seen.node($0)?.name == $0 } && facts.seen.node("demo-old-n3") == nil)
        var draft = Draft(of: facts)
        draft.update(&facts)
        let steps: [(String, (inout FleetFacts, String) -> Void)] = [
            ("demo-old-n2", { $0.seen.vms?[$1] = Self.vm($1, tags: [tag]) }),
            ("demo-old-n1", { $0.seen.vms?[$1] = Self.vm($1, tags: [tag]) }),
            ("demo-old-n1", { $0.ledger.vms[$1] = .init() }), ("demo-old-n1", { $0.ledger.vms[$1]?.createdAt = "then" }),
            ("demo-old-n2", { $0.seen.vms?[$1] = Self.vm($1, tags: []) }), ("demo-old-n1", { $0.seen.vms?[$1] = nil }),
            ("demo-old-n1", { $0.ledger.vms[$1]?.removal = .drained }), ("demo-old-n2", { $0.seen.vms?[$1] = Self.vm($1, tags: [tag]) }),
            ("demo-old-n3", { $0.notes[$1, default: .init()].refusal = Block("no", advice: "look why") }),
            ("demo-old-n1", { $0.ledger.vms[$1] = nil }), ("demo-old-n2", { $0.seen.vms?[$1] = nil }),
        ]
        for (number, (name, step)) in steps.enumerated() {
            step(&facts, name)
            draft.update(&facts, nodes: [name])
            #expect(draft.plan == Planner.plan(facts), "step \(number)")
            #expect(draft.calls.count == draft.plan.lines.count && draft.isNews.count == draft.plan.lines.count)
            #expect(facts.occupants == facts.uncounted.occupants, "step \(number)")
        }
    }

    /// Before anything was seen a plan is made without looking at anybody; it is the same.
    @Test func aBlankStartIsLikeAnyOther() throws {
        var facts = try Self.facts()
        facts.seen = Observation()
        facts.ledger.vms[facts.fleet.nodes[0].name] = .init()
        facts.ledger.vms[facts.fleet.nodes[0].name]?.creating = facts.now
        var draft = Draft(of: facts)
        draft.update(&facts)
        #expect(draft.plan == Planner.plan(facts))
        facts.seen = try Self.facts().seen
        draft.update(&facts, nodes: [])
        #expect(draft.plan == Planner.plan(facts))
    }

    /// Who tells of changes is told of each line once.
    @Test func aLineIsNewsUntilItIsTold() throws {
        var facts = try Self.facts()
        var draft = Draft(of: facts)
        draft.update(&facts)
        #expect(draft.isNews.allSatisfy { $0 })
        draft.markTold()
        draft.update(&facts, nodes: [])
        #expect(!draft.isNews.contains(true))
        let name = try #require(facts.fleet.nodes.last?.name)
        facts.seen.vms?[name]?.status = .paused
        draft.update(&facts, nodes: [name])
        let line = try #require(draft.line(of: name))
        #expect(draft.isNews.filter { $0 }.count == 1 && draft.isNews[line])
    }
}
