import K3s
import Testing

@testable import FleetCore

/// When a node is called dead, what is done about it, and how a node is made again.
@Suite struct ReplaceTests {
    private static let (web, mate, server, now) = (Situation.web, Situation.mate, Situation.server, Situation.now)

    /// The cluster does not hear it and SSH does not reach it, for as long as an agent may take to start.
    private static func die(_ situation: inout Situation, _ name: String = web, for seconds: Double = 180) {
        situation.node(name) { $0.ready = .unknown }
        situation.facts.observed.hosts[name] = .unreachable("timed out")
        situation.facts.notes[name, default: .init()].troubledSince = now - max(seconds, 180)
        situation.facts.notes[name]?.seemsDeadSince = now - seconds
        situation.facts.notes[name]?.unreachedAt = now
    }

    private static func allow(_ situation: inout Situation, _ policy: ReplacePolicy = .agents) {
        let facts = situation.facts
        var fleet = facts.fleet
        fleet.policy.replace = policy
        situation.facts = FleetFacts(fleet: fleet, observed: facts.observed, ledger: facts.ledger, now: facts.now)
        (situation.facts.uptime, situation.facts.digest, situation.facts.notes) = (facts.uptime, facts.digest, facts.notes)
    }

    private static func restarted(_ situation: inout Situation, _ name: String = web) {
        situation.instance(name) { $0.poweredOnAt = now - 400 }
    }

    private static func begun(_ situation: inout Situation, _ cause: Replacement.Cause, _ stage: LeaveStage = .begun) {
        var instance = Situation.instance(of: situation.facts.fleet.nodes.first { $0.name == web }!)
        instance.poweredOnAt = now - 400
        situation.facts.ledger.nodes[web] = .leaving(instance, stage)
        situation.facts.ledger.replacements = [web: Replacement(cause, begunAt: now - 5)]
        situation.node(web) { fields in (fields.unschedulable, fields.annotations[NodePatch.removing]) = (true, "yes") }
    }

    private static let verdicts: [Row] = [
        Row("silent and out of reach for a moment", "wait NodeSilent") { die(&$0, for: 179) },
        Row("its host was last asked before the time was over", "wait NodeSilent") {
            die(&$0, for: 200)
            $0.facts.notes[web]?.unreachedAt = now - 21
        },
        Row("dead: restarted once", "act startVM NodeDead") { die(&$0) },
        Row("its kubelet alone is silent", "blocked WaitTimedOut") {
            die(&$0)
            $0.facts.observed.hosts[web] = Situation.host(isSetUp: true)
        },
        Row("SSH alone does not reach it", "settled") {
            die(&$0)
            $0.node { $0.ready = .ready }
        },
        Row("exe.dev is the second witness", "act startVM NodeDead") {
            die(&$0)
            $0.facts.observed.hosts[web] = nil
            $0.facts.observed.vms?[web] = Situation.vm(web, .failed("error"), tags: ["fleet-demo", "team-a"])
        },
        Row("the restart did not help", "blocked NodeDeadForGood") {
            die(&$0)
            restarted(&$0)
        },
        Row("the answer to the restart was lost", "act startVM NodeDead") {
            die(&$0)
            restarted(&$0)
            $0.instance { $0.commandSentAt = now - 300 }
        },
        Row("the policy allows another one", "act cordon NodeDead") {
            allow(&$0)
            die(&$0)
            restarted(&$0)
        },
        Row("the policy allows another one, and it was not restarted", "act startVM NodeDead") {
            allow(&$0)
            die(&$0)
        },
        Row("it was made again within the hour", "blocked ReplacedLately") {
            allow(&$0)
            die(&$0)
            restarted(&$0)
            $0.facts.ledger.replacements = [web: Replacement(.dead, .over, begunAt: now - 3599)]
        },
        Row("it was made again an hour ago", "act cordon NodeDead") {
            allow(&$0)
            die(&$0)
            restarted(&$0)
            $0.facts.ledger.replacements = [web: Replacement(.dead, .over, begunAt: now - 3600)]
        },
        Row("two of four are out of reach", "blocked MassSilence") {
            allow(&$0)
            for name in [web, mate] {
                die(&$0, name)
                restarted(&$0, name)
            }
        },
        Row("another one is out of reach by SSH alone", "blocked MassSilence") {
            allow(&$0)
            die(&$0)
            $0.facts.observed.hosts[mate] = .unreachable("timed out")
        },
        Row("the only server is silent with the cluster", of: server, "wait AwaitingProbe") {
            allow(&$0, .all)
            $0.facts.observed.cluster = .unreachable("timed out")
            $0.facts.notes[server, default: .init()].troubledSince = now - 300
            $0.facts.notes[server]?.seemsDeadSince = now - 300
        },
    ]

    @Test(arguments: verdicts) func whenANodeIsDead(row: Row) throws { try row.check() }

    private static let ways: [Row] = [
        Row("an operator asks for it", "act cordon ReplacementRequested") { $0.facts.replacing = [web: 1] },
        Row("the only server", of: server, "blocked ServerNotRemovable") { $0.facts.replacing = [server: 1] },
        Row("it is drained first", "act drain ReplacementRequested") { begun(&$0, .requested) },
        Row("then stopped", "act stop ReplacementRequested") { begun(&$0, .requested, .drained) },
        Row("the dead are not drained", "act deleteNode NodeDead") {
            allow(&$0)
            begun(&$0, .dead)
            die(&$0)
        },
        Row("nor stopped", "act removeVM NodeDead") {
            allow(&$0)
            begun(&$0, .dead, .nodeDeleted)
            die(&$0)
            $0.withoutNode()
        },
        Row("one that is heard of again stays", "act uncordon WantedAgain") { begun(&$0, .dead) },
        Row("one whose host answers again stays, while it has its Node", "act uncordon WantedAgain") {
            begun(&$0, .dead)
            die(&$0)
            $0.facts.observed.hosts[web] = Situation.host(isSetUp: true)
        },
        Row("one that is back without its Node is stopped before anything else", "act stop NodeDead") {
            begun(&$0, .dead, .nodeDeleted)
            die(&$0)
            $0.withoutNode()
            $0.facts.observed.hosts[web] = Situation.host(isSetUp: true)
        },
        Row("what an operator began goes on although it is well", "act drain ReplacementRequested") { begun(&$0, .requested) },
        Row("then it is made", "act createVM VMMissing") {
            $0.facts.ledger.replacements = [web: Replacement(.requested, .joining, begunAt: now - 60)]
            $0.facts.ledger.nodes[web] = .gone(RemovedInstance(createdAt: "then", removedAt: now - 30))
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
        },
        Row("another one of its pool waits for it", of: mate, "wait LimitReached") {
            $0.facts.replacing = [mate: 1]
            $0.facts.ledger.replacements = [web: Replacement(.requested, .joining, begunAt: now - 60)]
            $0.facts.ledger.nodes[web] = nil
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
        },
        Row("another image", "blocked ImageChanged") { $0.instance { $0.spec?.image = "debian:12" } },
        Row("another image, and the policy allows it", "act cordon ImageDiffers") {
            $0.instance { $0.spec?.image = "debian:12" }
            allow(&$0)
        },
        Row("another image, after what can be mended in place", "act patchNode LabelsOrTaintsDiffer") {
            $0.instance { $0.spec?.image = "debian:12" }
            $0.node { $0.labels["tier"] = "back" }
            allow(&$0)
        },
        Row("the only server's image", of: server, "blocked ImageChanged") {
            $0.instance(server) { $0.spec?.image = "debian:12" }
            allow(&$0, .all)
        },
    ]

    private static let afterthoughts: [Row] = [
        Row("the image was put back", "act uncordon WantedAgain") {
            begun(&$0, .image)
            allow(&$0)
        },
        Row("the image was put back, and its Node is gone", "act removeVM ImageDiffers") {
            begun(&$0, .image, .nodeDeleted)
            $0.withoutNode()
        },
        Row("the policy does not allow it any more", "act uncordon WantedAgain") {
            begun(&$0, .image)
            $0.instance { $0.spec?.image = "debian:12" }
        },
        Row("an operator wants what was begun for its death, and it is back", "act drain ReplacementRequested") {
            begun(&$0, .dead)
            $0.facts.replacing = [web: 1]
            $0.facts.learn(listedAt: now)
        },
        Row("it was restarted long before it fell silent", "act startVM NodeDead") {
            die(&$0)
            $0.instance { $0.poweredOnAt = now - 86_581 }
        },
        Row("it died when k3s was stopped for a resize", "act startVM NodeDead") {
            die(&$0)
            $0.instance { instance in
                (instance.maintenance, instance.resize) = (Maintenance(), ResizeRecord(sizes: VMSizes(cpu: 4)))
                instance.resize?.stage = .stopping
            }
        },
        Row("another image and another size: it is made again at once", "act cordon ImageDiffers") {
            $0.instance { $0.spec?.image = "debian:12" }
            $0.instance { $0.spec?.memory = "2GB" }
            allow(&$0)
        },
    ]

    @Test(arguments: afterthoughts) func whatChangesHalfWay(row: Row) throws { try row.check() }

    @Test(arguments: ways) func howANodeIsMadeAgain(row: Row) throws { try row.check() }

    @Test func approvingItApprovesTheWholeWay() throws {
        var situation = try Situation()
        situation.facts.replacing = [Self.web: 1]
        let item = try #require(situation.item(Self.web))
        #expect(item.then.prefix(6) == [.drain, .stop, .deleteNode, .removeVM, .createVM, .prepare] && item.then.last == .share)
    }

    /// What the file asks for is not taken down by any other way.
    @Test func wantedNodesStay() throws {
        let facts = try Situation().facts
        for action in [Action.stop(Stop(node: Self.web, role: .agent)), .removeVM(RemoveVM(node: Self.web))] {
            #expect(Safety.wantedStay(action, facts) == .nodeStays(name: Self.web))
        }
    }

    /// By both witnesses, and for as long as both say so.
    @Test func silenceIsCountedWhileBothSaySo() throws {
        var situation = try Situation()
        situation.node(Self.web) { $0.ready = .unknown }
        situation.facts.observed.hosts[Self.web] = .unreachable("timed out")
        situation.facts.learnSilence()
        #expect(situation.facts.notes[Self.web]?.seemsDeadSince == Self.now)
        situation.facts.uptime += 100
        situation.facts.observed.hosts[Self.web] = nil
        situation.facts.learnSilence()
        #expect(situation.facts.notes[Self.web]?.seemsDeadSince == Self.now, "nothing new is known")
        situation.facts.observed.hosts[Self.web] = Situation.host(isSetUp: true)
        situation.facts.learnSilence()
        #expect(situation.facts.notes[Self.web]?.seemsDeadSince == nil)
    }

    /// A wish is fulfilled once, however its node was when it was given.
    @Test func aWishIsFulfilledOnce() throws {
        var situation = try Situation()
        situation.facts.replacing = [Self.web: 7]
        let want = try #require(situation.facts.desired(Self.web))
        let creation = Action.createVM(CreateVM(node: want.name, vm: want.vm, ownerTag: "fleet-demo"))
        situation.facts.noteReplacement(creation, because: .vmMissing, at: Self.now)
        #expect(situation.facts.ledger.replacements?[Self.web] == Replacement(.requested, .joining, begunAt: Self.now, wish: 7))
        #expect(situation.facts.replacing.isEmpty && situation.decision(Self.web) == "settled")
    }

    /// In the ledger: as the world tells.
    @Test func theLedgerLearnsHowFarItHasCome() throws {
        var situation = try Situation()
        Self.begun(&situation, .requested)
        situation.facts.learn(listedAt: Self.now)
        #expect(situation.facts.ledger.replacements?[Self.web]?.stage == .leaving)
        situation.facts.observed.vms?[Self.web] = nil
        situation.facts.learn(listedAt: Self.now)
        #expect(situation.facts.ledger.replacements?[Self.web]?.stage == .joining)
        situation.facts.observed.vms?[Self.web] = Situation.vm(Self.web)
        situation.facts.ledger.nodes[Self.web] = .present(Instance(createdAt: "then"))
        situation.facts.learn(listedAt: Self.now)
        #expect(situation.facts.ledger.replacements?[Self.web]?.stage == .over)
    }
}
