import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

@testable import Simulation

/// What hurt users of other tools (the numbers are those of facts/peers.md), done to this one: machines and networks. ServerIncidentTests
/// has those of servers and removals, SSHTests.IncidentTests those of the wire.
@Suite struct IncidentTests {
    static let others = ["demo-cp-n2", "demo-web-n9", "theirs"]

    /// VMs of the same account: another fleet's, somebody's with a name like ours, one of a fleet whose name begins like ours.
    static func addOthers(_ world: inout WorldState) {
        world.rebuild("theirs", tags: ["fleet-other"])
        world.rebuild("demo-web-n9", tags: [])
        world.rebuild("demo-cp-n2", tags: ["fleet-demo2", "demo"])
    }

    @Test("B1 delete-cluster deleted everything in the project") func b1() throws {
        let base = try #require(Scenario.all().first { $0.name == "destroy" })
        let stage = try Stage(base.disturbed(Self.addOthers))
        let faults = stage.crashes + stage.lyingLists + stage.failedEffects
        stage.survives([[]] + faults.map { [$0] }) { $0.names == Self.others ? nil : "these are left: \($0.names)" }
    }

    @Test("B1 a removed pool took the neighbours along") func b1Prune() throws {
        let base = try #require(Scenario.all().first { $0.name == "pool renamed" })
        let stage = try Stage(base.disturbed(Self.addOthers))
        stage.survives([[]] + stage.lyingLists.map { [$0] }) { world in
            let touched = world.effects.filter { Self.others.contains($0.subject) }
            let isThere = Self.others.allSatisfy(world.names.contains)
            return touched.isEmpty && isThere && !world.names.contains("demo-web-n1") ? nil : "\(touched.map(\.words)), \(world.names)"
        }
    }

    @Test("B2 the lost first server was recreated, and with it an empty cluster") func b2() throws {
        let stage = try Stage.named("server lost")
        for isAttended in [true, false] {
            var world = stage.start
            world.vanish("demo-cp-n1")
            let run = try Rehearsal(stage.scenario.after, in: world, isAttended: isAttended)
            #expect(run.effects == [] && run.end.clusters.count == 1)
            #expect(try run.block("demo-cp-n1") == .serverVMGone(name: "demo-cp-n1"))
            #expect(try run.block("demo-web-n1") == .controlPlaneBlocked(server: "demo-cp-n1"))
        }
        stage.hurts("S5", without: .lostServer)
    }

    @Test("B3 the rebuilt first server founded a cluster of its own") func b3() throws {
        let stage = try Stage.named("server rebuilt empty")
        var world = stage.start
        world.vanish("demo-cp-n1")
        world.rebuild("demo-cp-n1", tags: ["fleet-demo"])
        let run = try Rehearsal(stage.scenario.after, in: world)
        let server = try #require(run.end.machine("demo-cp-n1"))
        #expect(server.unit == nil && server.disk.serverData == nil && run.end.clusters.count == 1)
        #expect(try run.block("demo-cp-n1") == .serverDataGone(name: "demo-cp-n1"))
        for name in ["demo-web-n1", "demo-web-n2"] { #expect(run.end.machine(name)?.disk == stage.start.machine(name)?.disk) }
        #expect(stage.trial(disabledRules: .onlyOneFounding).end.clusters.count == 2, "nothing else keeps it from founding")
        stage.hurts("S4", without: .onlyOneFounding)
    }

    /// Replies that are lost, late or no JSON although the VM was made: of every creation at once.
    @Test(
        "B4 creations whose replies were lost were sent again without end",
        arguments: APIFault.allCases.filter { $0.isDone || $0 == .status504Late })
    func b4(reply: APIFault) throws {
        let stage = try Stage.named("first create")
        let count = stage.scenario.after.nodes.count
        #expect((0..<count).allSatisfy { stage.has($0, .createVM) })
        let faults = (0..<count).map { Fault(.api(reply), at: .effect($0)) }
        let verdict = stage.trial(faults)
        #expect(verdict.violations == [] && verdict.end.struck.count == count)
        #expect(verdict.end.effects.count { $0.kind == .createVM } == count)
        #expect(verdict.end.names == stage.scenario.after.nodes.map(\.name).sorted())
    }

    /// A cold image: the name is taken at once, and the VM listed minutes later.
    @Test("B4 a name that our own request had taken was given up as somebody else's", arguments: [true, false])
    func b4Reserved(isOurs: Bool) throws {
        let stage = try Stage.named("first create")
        #expect(stage.has(0, .createVM))
        guard isOurs else {
            var start = stage.start
            start.account.foreignNames = [stage.effects[0].subject]
            let rehearsal = try Rehearsal(stage.scenario.after, in: start)
            #expect(try rehearsal.decision(stage.effects[0].subject).isBlocked, "nobody waits for what was never asked for")
            return
        }
        let verdict = stage.trial([Fault(.api(.status504Reserved), at: .effect(0))])
        #expect(verdict.violations == [])
        #expect(verdict.end.names == stage.scenario.after.nodes.map(\.name).sorted())
    }

    /// exe.dev cuts a command at 30 s and may carry it out all the same: nothing else is done to that VM meanwhile.
    @Test(
        "a command that exe.dev carried out later struck what had been done since",
        arguments: ["share change", "tag change", "shrink", "VM stopped"])
    func late(name: String) throws {
        let stage = try Stage.named(name)
        let number = try #require(stage.effects.firstIndex { !$0.isForHost })
        let verdict = stage.trial([Fault(.api(.status504Late), at: .effect(number))])
        #expect(verdict.violations == [])
    }

    /// The file changes right after such a command: what it asked for would come after what undoes it.
    @Test("what exe.dev carried out later undid what the file had come to ask for", arguments: ["share change", "sharing ended", "shrink"])
    func lateAfterAnEdit(name: String) throws {
        let stage = try Stage.named(name)
        for edit in stage.scenario.edits.indices {
            for number in 1...5 {
                let faults = [
                    Fault(.edit(edit), at: .effect(0)), Fault(.api(.status504Late), at: .effect(number)),
                    Fault(.crashAfterReply, at: .effect(number + 1)),
                ]
                var trial = Trial(stage, seed: 7, faults: faults)
                trial.restartsAfter = 2
                #expect(trial.run().violations == [], "\(faults)")
            }
        }
    }

    @Test("B4 a creation under way was sent again") func b4Late() throws {
        let stage = try Stage.named("first create")
        stage.hurts("S8", without: .commandGrace, [Fault(.api(.status504Late), at: .effect(0))])
    }

    @Test("B5 the cluster refused a new machine under an old name", arguments: ["VM vanished", "VM rebuilt under the same name"])
    func b5(name: String) throws {
        let stage = try Stage.named(name)
        let (node, before) = ("demo-web-n1", stage.start.passwords)
        let verdict = stage.trial()
        #expect(verdict.violations == [] && before[node] != nil)
        #expect(verdict.end.passwords[node] != before[node] && verdict.end.passwords.keys == before.keys)
        let unit = try #require(verdict.end.machine(node)?.unit)
        #expect(unit.registeredAt != nil && unit.complaint == nil)
        let steps = stage.effects.filter { $0.subject == node }.map(\.kind)
        #expect(try #require(steps.firstIndex(of: .purgeIdentity)) < #require(steps.firstIndex(of: .install)))
    }

    /// A machine that nobody asked for has the name's password: the node that the file asks for forgets it first.
    @Test("B5 a stranger had registered the name") func b5Stranger() throws {
        var world = try WorldState.standing(FleetSketch(web: 2).fleet())
        try world.clusters[0].register(
            .init(name: "demo-web-n3", isServer: false, address: "100.64.9.9", version: "v1.34.9+k3s1"), password: "theirs", now: world.now)
        let run = try Rehearsal(FleetSketch(web: 3).fleet(), in: world)
        #expect(try run.decision("demo-web-n3") == .settled)
        #expect(run.end.passwords["demo-web-n3"].map { $0 != "theirs" } == true)
    }

    /// Before, in the middle of and after every step on every host.
    @Test(
        "B13 an SSH connection that broke could not be recovered from",
        arguments: ["first create", "shrink", "configuration change", "label and taint change"])
    func b13(name: String) throws {
        let stage = try Stage.named(name)
        let kinds = [HostFault.connectionRefused, .cutBefore, .cutMiddle, .cutAfter, .failsMiddle, .reboot, .hardReset]
        let onHosts = stage.effects.indices.filter { stage.effects[$0].host != nil }
        stage.survives(onHosts.flatMap { at in kinds.map { [Fault(.host($0), at: .effect(at))] } })
    }

    @Test("B13 a host that refuses was asked again without a pause") func b13Pause() throws {
        let stage = try Stage.named("first create")
        let at = try #require(stage.effects.firstIndex { $0.kind == .prepare })
        stage.hurts("nothing is hammered", without: .backOff, [Fault(.host(.connectionRefused), at: .effect(at))])
    }

    /// exe.dev says `running` at once, SSH answers two minutes later, systemd is done after four.
    @Test("B15 a fresh host was called broken") func b15() throws {
        let fleet = FleetSketch().fleet()
        var world = WorldState(seed: 7)
        world.rebuild("demo-web-n1", tags: ["fleet-demo"])
        let index = try #require(world.at("demo-web-n1"))
        (world.machines[index].vm.runningAt, world.machines[index].sshAt, world.machines[index].bootedAt) = (0, 120, 240)
        let run = try Rehearsal(fleet, in: world)
        #expect(run.plan?.isSettled == true)
        let prepared = try #require(
            run.told.first { if case .actionStarted(.prepare(let step), _) = $0.event { step.node == "demo-web-n1" } else { false } })
        #expect(prepared.at >= 240)
        var reasons: [String] = []
        for (_, event) in run.told where event.node == "demo-web-n1" {
            switch event {
            case .waiting(_, let reason): reasons.append(reason.text)
            case .blocked, .actionFailed, .outcomeUnknown: Issue.record("\(event.words)")
            default: break
            }
        }
        #expect(reasons.contains("SSH to answer (connection refused)") && reasons.contains("systemd is starting"))
    }

    /// A machine that its image calls `degraded` is as booted as it will ever be; `maintenance` is not.
    @Test(
        "B15 words of systemd",
        arguments: [
            ("running", true), ("degraded", true), ("starting", false), ("initializing", false), ("maintenance", false), ("", false),
        ])
    func b15Words(word: String, isBooted: Bool) {
        var probe = HostProbe()
        probe.systemd = word
        #expect(probe.isBooted == isBooted)
    }
}
