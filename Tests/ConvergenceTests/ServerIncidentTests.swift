import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

@testable import Simulation

/// What hurt users of other tools when servers and nodes came and went (the numbers are those of facts/peers.md). Servers that somebody made by
/// hand are left alone.
@Suite struct ServerIncidentTests {
    private static func problems(servers: String) -> (isUsable: Bool, words: [String]) {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: \(servers)}, pools: {web: {nodes: 2}}}
            """
        let outcome = FleetFile.parse(text, file: "fleet.json")
        return (outcome.fleet != nil, outcome.diagnostics.filter { $0.severity == .error }.map { "\($0.path): \($0.message)" })
    }

    @Test("B6 servers that joined at once blocked every later join", arguments: ["2", "4", "{nodes: 2}"]) func b6(servers: String) {
        let (isUsable, words) = Self.problems(servers: servers)
        #expect(!isUsable && words.count == 1 && words[0].contains("the number of servers is 1, 3 or 5"), "\(words)")
        #expect(words.first?.hasPrefix("cluster.servers") == true)
        for good in ["1", "3", "5", "{nodes: 3}"] { #expect(Self.problems(servers: good) == (true, [])) }
    }

    /// One after the other, each when the one before votes.
    @Test("B6 servers join one at a time") func b6() throws {
        try Stage.named("first create of three servers").hurts("S3", without: .oneServerAtATime)
    }

    @Test("B7 two of three servers were destroyed by an apply") func b7() throws {
        var world = try WorldState.standing(FleetSketch(web: 3).fleet())
        let promoted = ["demo-web-n2", "demo-web-n3"]
        for name in promoted { world.promote(name) }
        let run = try Rehearsal(FleetSketch(web: 1).fleet(), in: world)
        #expect(run.effects == [])
        for name in promoted {
            #expect(try run.block(name) == .serverNotRemovable(name: name))
            #expect(run.end.machine(name) == world.machine(name) && run.end.nodes[name]?.isUnschedulable == false)
        }
        try Stage.named("shrink by a node that has become a server").hurts("S3", without: .serversStay)
    }

    /// Somebody took the VM of a server away and no pool asks for it: the member that it leaves still counts, is told of, and nothing else is
    /// taken for it.
    @Test("B8 a ghost of a server was ignored") func b8() throws {
        var world = try WorldState.standing(FleetSketch(web: 3).fleet())
        for name in ["demo-web-n2", "demo-web-n3"] { world.promote(name) }
        world.vanish("demo-web-n3")
        world.pass(seconds: 60)
        let run = try Rehearsal(FleetSketch(web: 2).fleet(), in: world)
        #expect(run.effects == [] && run.end.nodes["demo-web-n3"] != nil)
        #expect(try run.block("demo-web-n3") == .serverNotRemovable(name: "demo-web-n3"))
    }

    /// The API is dead, the server's host is dead, a node has become a server: none of them keeps the fleet from its end.
    @Test("B9 the deletion of the whole cluster was stuck for ever", arguments: ["no API", "no host", "another server", "no server's VM"])
    func b9(trouble: String) throws {
        let base = try #require(Scenario.all().first { $0.name == "destroy" })
        let stage = try Stage(
            base.disturbed { world in
                guard let index = world.at("demo-cp-n1") else { return }
                switch trouble {
                case "no API": world.machines[index].unit = nil
                case "no host": world.machines[index].sshAt = .infinity
                case "another server": world.promote("demo-web-n1")
                default: world.vanish("demo-cp-n1")
                }
            })
        stage.survives([[]] + stage.crashes.map { [$0] }) { $0.machines.isEmpty ? nil : "\($0.names) are left" }
    }

    private static let removal = ["cordon", "drain", "stop", "deleteNode", "removeVM"]

    /// Killed between every two steps of a removal, and once more right after.
    @Test("B10 a crash between removing the member and the machine was never recovered from") func b10() throws {
        let stage = try Stage(Scenario("one less", before: FleetSketch(web: 3).fleet(), after: FleetSketch(web: 2).fleet()))
        #expect(stage.effects.map(\.words) == Self.removal.map { "\($0) demo-web-n3" })
        let crashes = stage.crashes
        stage.survives(crashes.map { [$0] } + crashes.flatMap { first in crashes.map { [first, $0] } }) { world in
            let name = "demo-web-n3"
            let isLeft =
                world.machine(name) != nil || world.nodes[name] != nil || world.passwords[name] != nil || world.disk?.nodes[name] != nil
            return isLeft || world.names != stage.start.names.filter { $0 != name }
                ? "left: \(world.names), \(world.nodes.names)" : nil
        }
    }

    @Test("B11 a second member was removed before the first was replaced") func b11() throws {
        let stage = try Stage(Scenario("three less", before: FleetSketch(web: 4).fleet(), after: FleetSketch(web: 1).fleet()))
        let words = stage.effects.map(\.words)
        let subjects = stage.effects.map(\.subject)
        #expect(words.count == 15 && Set(subjects).count == 3)
        // Each is gone before the next is begun.
        for first in stride(from: 0, to: words.count, by: 5) {
            #expect(words[first..<first + 5] == Self.removal.map { "\($0) \(subjects[first])" }[...])
        }
        stage.hurts("S6", without: .deletionsPerPass)
    }

    /// Whatever goes wrong once, a node that is scaled away leaves no member, no password and no machine, and nothing else is changed.
    @Test("B12 scaling down left members behind") func b12() throws {
        let stage = try Stage.named("shrink")
        stage.survives((stage.failedEffects + stage.failedReads + stage.lyingLists).map { [$0] })
    }

    @Test("B14 all kubelets were restarted at once", arguments: [false, true]) func b14(isLifted: Bool) throws {
        let world = try WorldState.standing(FleetSketch(web: 4).fleet())
        let worst = Mutex(0)
        let run = try Rehearsal(FleetSketch(web: 4, kubelet: "50").fleet(), in: world, disabledRules: isLifted ? [.maxUnavailable] : []) {
            _, world in
            let down = world.machines.count {
                $0.name.contains("web") && ($0.isStarting || $0.heartbeat(now: world.now) == false)
            }
            worst.withLock { $0 = max($0, down) }
        }
        #expect(run.plan?.isSettled == true && run.effects.count { $0.hasPrefix("install demo-web") } == 4)
        #expect(worst.withLock { $0 } == (isLifted ? 4 : 1))
        #expect(run.violations.contains { $0.hasPrefix("S6") } == isLifted)
    }

    /// k3s ends at once with this argument, while the node reads ready for a minute (facts/kubernetes.md #1): its host tells, and the others
    /// keep what they run with. The next configuration mends it.
    @Test("B14 a configuration that k3s does not take went to every node") func b14Refused() throws {
        let run = try Rehearsal(FleetSketch(web: 3, kubelet: "none").fleet(), in: .standing(FleetSketch(web: 3).fleet()))
        let broken = run.end.machines.filter { $0.name.contains("web") && $0.disk.setup?.isRefused == true }.map(\.name)
        #expect(broken.count == 1 && !run.ranOutOfTime)
        for name in ["demo-web-n1", "demo-web-n2", "demo-web-n3"] {
            #expect(try run.block(name).code == (broken.contains(name) ? .k3sFails : .limitHeld))
        }
        #expect(try run.block(broken[0]).advice.contains("max-pods=none"))
        let mended = try Rehearsal(FleetSketch(web: 3, kubelet: "50").fleet(), in: run.end)
        #expect(mended.plan?.isSettled == true)
    }

    /// Two nodes that are down cost nobody anything when they are restarted: the configuration that mends them is not held up by them.
    @Test("B14 a repair waited for what it was to repair") func b14Deadlock() throws {
        var world = try WorldState.standing(FleetSketch().fleet())
        for name in ["demo-web-n1", "demo-web-n2"] { world.stopK3s(on: name) }
        let run = try Rehearsal(FleetSketch(kubelet: "50").fleet(), in: world)
        #expect(run.plan?.isSettled == true && run.violations == [])
        // One that is well waits for them.
        world = try WorldState.standing(FleetSketch(web: 3).fleet())
        for name in ["demo-web-n2", "demo-web-n3"] { world.stopK3s(on: name) }
        let mixed = try Rehearsal(FleetSketch(web: 3, kubelet: "50").fleet(), in: world)
        #expect(mixed.plan?.isSettled == true && mixed.violations == [])
        #expect(mixed.effects.filter { $0.contains("web") }.last == "install demo-web-n1")
    }

    /// The VM was removed by hand and from the file: its Node goes too, once it is silent and two lists agree.
    @Test("B16 a VM that was taken out of the file left its member", arguments: [true, false]) func b16(isSilent: Bool) throws {
        var world = try WorldState.standing(FleetSketch(web: 3).fleet())
        world.vanish("demo-web-n3")
        if isSilent { world.pass(seconds: 60) }
        let run = try Rehearsal(FleetSketch(web: 2).fleet(), in: world)
        #expect(run.effects == ["deleteNode demo-web-n3"] && run.plan?.isSettled == true)
        #expect(run.end.nodes["demo-web-n3"] == nil && run.end.passwords["demo-web-n3"] == nil)
        #expect(
            try #require(run.told.first { if case .actionStarted = $0.event { true } else { false } }).at >= world.now + (isSilent ? 5 : 30)
        )
    }

    /// A VM that lists leave out while its node is alive has a machine: the node stays, and so does one that joined by somebody's hand.
    @Test("B16 what is alive, or nobody's of ours, is no leftover") func b16Alive() throws {
        var world = try WorldState.standing(FleetSketch(web: 3).fleet())
        try world.clusters[0].register(
            .init(name: "by-hand", isServer: false, address: "100.64.9.9", version: "v1.34.9+k3s1"), password: "theirs",
            now: world.now - 600)
        let index = try #require(world.machines.firstIndex { $0.name == "demo-web-n3" })
        for number in 0..<2000 { world.faults.append(Fault(.partialList(index), at: .read(number))) }
        let run = try Rehearsal(FleetSketch(web: 2).fleet(), in: world, seconds: 300)
        #expect(run.effects == [] && run.end.nodes["demo-web-n3"] != nil && run.end.nodes["by-hand"] != nil)
        #expect(try run.decision("demo-web-n3").words.contains("exe.dev does not list its VM, yet it lives"))
    }

    @Test("B17 a node was removed although it could not be emptied", arguments: [ClusterModel.blockedDrain, ClusterModel.barePod])
    func b17(hindrance: String) throws {
        var world = try WorldState.standing(FleetSketch(web: 3).fleet())
        _ = world.clusters[0].change("demo-web-n3") { $0.annotations[hindrance] = "" }
        let run = try Rehearsal(FleetSketch(web: 2).fleet(), in: world)
        #expect(Set(run.effects) == ["cordon demo-web-n3", "drain demo-web-n3"])
        #expect(try run.block("demo-web-n3").code == .drainBlocked && !run.ranOutOfTime)
        // Told from the first refusal on, and without a rest of back-offs.
        let told = run.told.filter {
            if case .actionFailed(.drain, let reason, _) = $0.event { reason.contains("default/") } else { false }
        }
        let began = try #require(run.told.first { if case .actionStarted(.drain, _) = $0.event { true } else { false } }).at
        #expect(try #require(told.first).at - began < 25)
        #expect(hindrance == ClusterModel.barePod ? told.count == 1 : told.count > 5)
        #expect(run.end.machine("demo-web-n3")?.unit != nil && run.end.nodes["demo-web-n3"] != nil)
    }

    /// The server's API is silent, as nodes that are not in the list would be bare hosts to install on: what runs there keeps its release.
    @Test("B17 an upgrade was mistaken for an install", arguments: ["", "API down", "API down once", "Node deleted"])
    func b17Upgrade(trouble: String) throws {
        var world = try WorldState.standing(FleetSketch().fleet())
        switch trouble {
        case "API down": world.machines[try #require(world.at("demo-cp-n1"))].unit = nil
        case "API down once": world.faults.append(Fault(.apiServerDown, at: .read(1)))
        case "Node deleted": _ = world.clusters[0].deleteNode("demo-web-n1")
        default: break
        }
        let version = try #require(world.machine("demo-web-n1")?.disk.binary)
        let (older, newer) = ("v1.34.8+k3s1", "v1.34.10+k3s1")
        let back = try Rehearsal(FleetSketch(version: older).fleet(), in: world)
        #expect(back.effects == [] && back.end.machines.allSatisfy { $0.disk.binary == version })
        for name in world.names { #expect(try back.block(name).text.contains("downgrade from \(version) to \(older)")) }
        let run = try Rehearsal(FleetSketch(version: newer).fleet(), in: world)
        #expect(!run.end.effects.contains { [.createVM, .prepare, .purgeIdentity].contains($0.kind) }, "\(run.effects)")
        #expect(run.end.machines.allSatisfy { $0.disk.binary?.description == newer && $0.disk.former == version })
        #expect(run.plan?.isSettled == true)
    }
}
