import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// Waits that never ended, and losses that were not what they seemed.
@Suite struct WaitIncidentTests {
    /// A world in which one node cannot come to its end, and what the operator must be told of it.
    struct Hang: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var node = "demo-web-n1"
        var after = FleetSketch()
        /// Nil: the fleet is made from nothing.
        var before: FleetSketch?
        var arrange: @Sendable (inout WorldState) -> Void = { _ in }
        var meanwhile: @Sendable (Event, inout WorldState) -> Void = { _, _ in }
        /// In its line at the end, reason or advice.
        var words: [String]
    }

    private static func slow(_ name: String, ssh: Double, boot: Double) -> @Sendable (inout WorldState) -> Void {
        { world in
            world.rebuild(name, tags: ["fleet-demo"])
            guard let index = world.at(name) else { return }
            (world.machines[index].vm.runningAt, world.machines[index].sshAt, world.machines[index].bootedAt) = (0, ssh, boot)
        }
    }

    static let hangs = [
        Hang(
            testDescription: "SSH never answers", arrange: slow("demo-web-n1", ssh: .infinity, boot: .infinity),
            words: ["SSH to answer (connection refused)"]),
        Hang(
            testDescription: "systemd never comes up", arrange: slow("demo-web-n1", ssh: 1, boot: .infinity), words: ["systemd is starting"]
        ),
        Hang(
            testDescription: "the server never answers", arrange: slow("demo-cp-n1", ssh: .infinity, boot: .infinity),
            words: ["control plane demo-cp-n1"]),
        Hang(
            testDescription: "the node is silent", before: FleetSketch(), arrange: { $0.silence(["demo-web-n1"]) },
            words: ["the node is silent"]),
        Hang(
            testDescription: "a disruption budget forbids the drain", node: "demo-web-n3", before: FleetSketch(web: 3),
            arrange: { world in _ = world.clusters[0].change("demo-web-n3") { $0.annotations[ClusterModel.blockedDrain] = "" } },
            words: ["pods that are not evicted yet: default/web-0; disruption budgets that allow none: default/web"]),
        // Between our forgetting the name and our joining it somebody else takes it.
        Hang(
            testDescription: "the cluster refuses the node", node: "demo-web-n3", after: FleetSketch(web: 3), before: FleetSketch(),
            meanwhile: { event, world in
                guard case .actionFinished(.purgeIdentity(let step), _) = event, step.node == "demo-web-n3" else { return }
                try? world.clusters[0].register(
                    .init(name: "demo-web-n3", isServer: false, address: "", version: "v1.34.9+k3s1"), password: "theirs", now: world.now)
                _ = world.clusters[0].deleteNode("demo-web-n3")
            }, words: ["k3s did not join in 180 s", "Node password rejected"]),
    ]

    @Test("B18 endless waiting without a reason", arguments: hangs) func b18(hang: Hang) throws {
        var world = try hang.before.map { try WorldState.standing($0.fleet()) } ?? WorldState(seed: 7)
        hang.arrange(&world)
        let run = try Rehearsal(hang.after.fleet(), in: world, meanwhile: hang.meanwhile)
        let decision = try run.decision(hang.node)
        #expect(!decision.isSettled && hang.words.allSatisfy(decision.words.contains), "\(decision.words)")
        if case .wait = decision { #expect(run.ranOutOfTime) }
        for line in try #require(run.plan).items {
            switch line.decision {
            case .wait(let wait): #expect(!wait.reason.text.isEmpty)
            case .blocked(let block): #expect(!block.text.isEmpty && !block.advice.isEmpty)
            default: break
            }
        }
        // Told while it waits, not only at the end.
        #expect(run.told.contains { $0.event.node == hang.node && $0.event.words.contains(hang.words[0]) })
        #expect(run.violations == [])
    }

    /// Nothing of ours would end it: `apply` ends without it and says what its host says. A daemon looks again in each pass.
    @Test("B18 a host that nobody restarted was waited for without end", arguments: ["SSH never answers", "the node is silent"])
    func b18Trouble(name: String) throws {
        let hang = try #require(Self.hangs.first { $0.testDescription == name })
        var world = try hang.before.map { try WorldState.standing($0.fleet()) } ?? WorldState(seed: 7)
        hang.arrange(&world)
        let run = try Rehearsal(hang.after.fleet(), in: world)
        guard case .blocked(.waitTimedOut(_, hang.node, 180)) = try run.decision(hang.node) else {
            Issue.record("\(try run.decision(hang.node))")
            return
        }
        #expect(!run.ranOutOfTime && run.violations == [])
        var healed = run.end
        healed.wake([hang.node])
        for index in healed.machines.indices { healed.machines[index].sshAt = min(healed.machines[index].sshAt, healed.now) }
        for index in healed.machines.indices { healed.machines[index].bootedAt = min(healed.machines[index].bootedAt, healed.now) }
        healed.beginTrial()
        #expect(try Rehearsal(hang.after.fleet(), in: healed).plan?.isSettled == true)
    }

    /// A VM that boots may be silent, then refuse our keys for some seconds; a wrong key is not waited for longer than that.
    @Test(arguments: [(1.0, 40.0, true), (100, 130, true), (1, .infinity, false)])
    func keysAreWaitedForShortly(ssh: Double, seconds: Double, isSettled: Bool) throws {
        var world = WorldState(seed: 7)
        Self.slow("demo-web-n1", ssh: ssh, boot: ssh + 1)(&world)
        let index = try #require(world.at("demo-web-n1"))
        world.machines[index].keysAt = world.now + seconds
        let run = try Rehearsal(FleetSketch().fleet(), in: world)
        let decision = try run.decision("demo-web-n1")
        #expect(run.plan?.isSettled == isSettled && !run.ranOutOfTime && run.violations == [], "\(decision)")
        if case .blocked(let reason) = decision {
            #expect(reason == .hostRefused("refused exedev with every key", advice: "register the key"))
        } else {
            #expect(isSettled)
        }
    }

    /// An agent of a crash loop: what its journal says is told long before the deadline, and again when it has passed.
    @Test("B18 k3s crashed and nobody said so") func b18Crash() throws {
        let hang = try #require(Self.hangs.last)
        let run = try Rehearsal(hang.after.fleet(), in: .standing(FleetSketch().fleet()), meanwhile: hang.meanwhile)
        let began = try #require(
            run.told.first { if case .actionStarted(.install(let step), _) = $0.event { step.node == hang.node } else { false } })
        let told = try #require(
            run.told.first {
                if case .waiting(hang.node, let reason) = $0.event { reason.text.contains("Node password rejected") } else { false }
            })
        let ended = try #require(run.told.first { if case .blocked(hang.node, _) = $0.event { true } else { false } })
        #expect(told.at < began.at + 60 && told.at < ended.at)
        #expect(ended.at < began.at + 210)
    }

    @Test("B20 a partition melted a healthy fleet: VMs that exe.dev does not list") func b20() throws {
        let stage = try Stage.named("many VMs gone at once, nobody there", web: 3)
        let verdict = stage.trial()
        #expect(verdict.violations == [] && verdict.end.effects == [])
        #expect(verdict.plans.last?.contains("3 of 5 VMs are gone from exe.dev's list at once; the breaker is open") == true)
        stage.hurts("S15", without: .massLossIsNoReason)
    }

    /// exe.dev answers 200 and no VM, for as long as anybody asks, while every node is well.
    @Test("B20 the list was empty", arguments: [true, false]) func b20Empty(isAttended: Bool) throws {
        let fleet = FleetSketch().fleet()
        var world = try WorldState.standing(fleet)
        // The first list is whole, so that the cluster is asked.
        for number in 1..<2000 { world.faults.append(Fault(.emptyList, at: .read(number))) }
        let run = try Rehearsal(FleetSketch(label: "edge").fleet(), in: world, isAttended: isAttended)
        #expect(run.effects.filter { !$0.hasPrefix("patchNode") } == [] && run.end.names == world.names)
        world.faults.append(Fault(.emptyList, at: .read(0)))
        let blind = try Rehearsal(fleet, in: world, isAttended: isAttended)
        #expect(blind.effects == [] && blind.plan?.isSettled == false)
        let reckless: Set<SafetyRule> = [.nodeAlive, .clusterAnswersFirst, .secondList, .massLossIsNoReason]
        #expect(try Rehearsal(fleet, in: world, isAttended: isAttended, disabledRules: reckless).effects.contains("createVM demo-web-n1"))
    }

    /// Every agent is silent at once and exe.dev lists them all: nothing is made, removed or restarted for that.
    @Test("B20 every node was NotReady", arguments: [true, false]) func b20Silent(isAttended: Bool) throws {
        let fleet = FleetSketch(web: 4).fleet()
        var world = try WorldState.standing(fleet)
        let agents = fleet.nodes.filter { $0.role == .agent }.map(\.name)
        world.silence(agents)
        let run = try Rehearsal(fleet, in: world, isAttended: isAttended)
        #expect(run.effects == [] && run.end.names == world.names)
        for name in agents { #expect(try run.decision(name).words.contains("silent")) }
        // And with the network back it is as it was.
        var healed = run.end
        healed.wake(agents)
        healed.beginTrial()
        let after = try Rehearsal(fleet, in: healed, isAttended: isAttended)
        #expect(after.effects == [] && after.plan?.isSettled == true)
    }

    /// Two or more, and more than a third of those that were here; what we remove ourselves and what never was does not count.
    @Test(
        "B20 maxUnhealthy was counted wrong",
        arguments: [(3, 1, false), (6, 2, false), (5, 2, true), (7, 3, true), (9, 3, false), (2, 2, true)])
    func b20Count(known: Int, gone: Int, isOpen: Bool) throws {
        let fleet = FleetSketch(web: known).fleet()
        var observed = Observation()
        var ledger = Ledger(cluster: "demo", clusterID: "c", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        let names = fleet.nodes.map(\.name).filter { $0.contains("web") }
        for name in names {
            ledger.nodes[name] = .present(Instance(createdAt: "then"))
        }
        observed.vms = [:]
        for name in names.dropFirst(gone) {
            observed.note(
                .init(
                    name: name, status: .running, tags: ["fleet-demo"], address: .init(host: "h", port: nil, user: nil), createdAt: "then",
                    url: nil))
        }
        let action = Action.createVM(CreateVM(node: names[0], vm: fleet.nodes[0].vm, ownerTag: "fleet-demo"))
        let facts = FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: 0, isAttended: false)
        #expect((Safety.refusal(of: action, facts: facts)?.isBreaker == true) == isOpen)
        #expect(Safety.refusal(of: action, facts: FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: 0)) == nil)
    }
}

extension WorldState {
    /// Nothing is heard of these nodes any more, for so long that the cluster has noticed.
    mutating func silence(_ names: [String]) {
        hush(names, until: .infinity)
        pass(seconds: 60)
    }

    /// They are heard of again.
    mutating func wake(_ names: [String]) {
        hush(names, until: now)
        pass(seconds: 60)
    }

    private mutating func hush(_ names: [String], until end: Double) {
        for index in machines.indices where names.contains(machines[index].name) { machines[index].silentUntil = end }
    }
}
