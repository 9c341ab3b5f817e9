import ExeDev
import FleetCore
import Foundation
import Glibc
import K3s
import Reconciler
import Testing

@testable import Live
@testable import Simulation

/// Defects of RX, an earlier tool of this name (facts/peers.md, "Defects read in RX"). ScriptTests.PriorArtTests has those of its scripts.
@Suite struct PriorArtTests {
    /// exe.dev that answers every request alike.
    private struct Answer: ExeDevTransport {
        var text: String
        func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
            HTTPReply(status: 200, headers: [:], body: Array(text.utf8), isTruncated: false)
        }
    }

    private static func list(_ text: String) async throws -> [ObservedVM] {
        let client = ExeDevClient(transport: Answer(text: text), sleep: { _ in }, random: { 0 })
        return try await client.list().vms.map(ObservedVM.init)
    }

    @Test("RX an empty list became a VM named {\"vms\":[]}", arguments: [#"{"vms":[]}"#, "{\"vms\": [ ]}\n"]) func emptyList(text: String)
        async throws
    {
        let vms = try await Self.list(text)
        #expect(vms.isEmpty)
        var observed = Observation()
        observed.note(.vms(vms))
        let fleet = FleetSketch().fleet()
        var state = WorldState(seed: 7)
        let plan = Planner.plan(FleetFacts(fleet: fleet, observed: observed, ledger: state.ledger(for: fleet), now: 0))
        #expect(plan.items.map(\.node) == fleet.nodes.map(\.name) && plan.actions.count { $0.kind == .createVM } == fleet.nodes.count)
    }

    /// An error that reads as "no VMs" would be as bad: then everything is recreated.
    @Test(
        "RX a banner became a VM",
        arguments: [
            "Welcome to exe.dev!\n", "error: unauthorized", "demo-web-n1 running", "", "null", #"["demo-web-n1"]"#,
            #"{"error":"try later"}"#,
            "{\"vms\":[]}\nrate limit exceeded", #"{"vms":[{"vm_name":""}]}"#, #"{"vms":["demo-web-n1"]}"#,
        ])
    func banner(text: String) async {
        await #expect(throws: ExeDevError.self) { try await Self.list(text) }
    }

    @Test("RX a VM of somebody else was adopted because of its name") func foreignVM() throws {
        let stage = try Stage.named("foreign VM on our name")
        let verdict = stage.trial()
        let theirs = try #require(verdict.end.machine("demo-web-n1"))
        #expect(verdict.violations == [] && verdict.end.effects.allSatisfy { $0.subject != "demo-web-n1" })
        #expect(theirs.tags == ["theirs"] && theirs.disk == Machine.HostDisk() && theirs.vm.createdAt == "created-0")
        stage.hurts("S2", without: .foreignState)
        stage.hurts("S2", without: .ownershipIsSeen)
    }

    // MARK: the state directory

    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "prior-art-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private static func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    /// The umask forbids nothing, and the rename that would end each write fails: what is seen is the file as it was made.
    @Test("RX a secret could be read by others for a moment") func modes() throws {
        try Self.withFolder { base in
            let old = umask(0)
            defer { umask(old) }
            let state = try StateDirectory(base: base, cluster: "demo")
            try state.create()
            #expect(Self.mode(state.path) == 0o700 && Self.mode(base) == 0o700)
            for file in ["server-token", "ledger.json"] {
                try FileManager.default.createDirectory(atPath: "\(state.path)/\(file)/in-the-way", withIntermediateDirectories: true)
                #expect(throws: StateError.self) { try StateDirectory.replace("\(state.path)/\(file)", with: [1, 2, 3]) }
                #expect(Self.mode("\(state.path)/\(file).new") == 0o600)
                try FileManager.default.removeItem(atPath: "\(state.path)/\(file)")
            }
            _ = try state.secret(.serverToken)
            var world = WorldState(seed: 7)
            for _ in 0..<2 { try state.store(world.ledger(for: FleetSketch().fleet())) }
            let files = try FileManager.default.contentsOfDirectory(atPath: state.path).sorted()
            #expect(files.isEmpty == false && files.contains("ledger.json.previous"))
            for file in files { #expect(Self.mode("\(state.path)/\(file)") == 0o600, "\(file)") }
        }
    }

    /// A crash or a full disk at any moment leaves the old file or the new one, and what a dead run left behind is in nobody's way.
    @Test("RX a token was written over in place") func atomicity() throws {
        try Self.withFolder { base in
            let state = try StateDirectory(base: base, cluster: "demo")
            let file = state.path + "/server-token"
            let token = try state.secret(.serverToken)
            let reader = open(file, O_RDONLY | O_CLOEXEC)
            defer { close(reader) }
            try "torn".write(toFile: file + ".new", atomically: false, encoding: .utf8)
            try StateDirectory.replace(file, with: Array("another".utf8))
            // Who had the old file open still reads all of it: it was replaced and not written to.
            #expect(String(decoding: try StateDirectory.read(reader, of: file), as: UTF8.self) == token)
            #expect(try state.secret(.serverToken) == "another" && Self.mode(file + ".new") == nil)
        }
    }

    @Test("RX a run from another folder made another cluster") func anotherFolder() throws {
        for relative in ["state", "./state", "../state", "", "~/state"] {
            let error = #expect(throws: StateError.self) { try StateDirectory(base: relative, cluster: "demo") }
            #expect(error?.message.contains("is not an absolute path") == true)
        }
        try Self.withFolder { base in
            let fleet = FleetSketch().fleet()
            let first = try StateDirectory(base: base, cluster: "demo")
            let (ledger, token) = (try first.ledger(for: fleet) { _ in }, try first.secret(.agentToken))
            try first.store(ledger)
            let second = try StateDirectory(base: base + "/./", cluster: "demo")
            #expect(try second.ledger(for: fleet) { _ in } == ledger && second.secret(.agentToken) == token)
        }
    }

    /// The state directory is another one, so that the fleet stands and the ledger is new: nothing is told to anybody, no token is written.
    @Test("RX a new token was sent to a cluster that stood", arguments: [1, 2, 3]) func lostState(web: Int) throws {
        var world = try WorldState.standing(FleetSketch().fleet())
        world.disk = nil
        let run = try Rehearsal(FleetSketch(web: web).fleet(), in: world)
        let standing = world.names
        #expect(run.end.effects.allSatisfy { !standing.contains($0.subject) }, "\(run.effects)")
        for name in standing { #expect(run.end.machine(name)?.disk == world.machine(name)?.disk) }
        let reason = try run.block("demo-cp-n1").code
        #expect([.serverOfOtherCluster, .hostOfOtherCluster].contains(reason) && run.end.disk?.caHash == nil)
        let reckless = try Rehearsal(FleetSketch(web: web).fleet(), in: world, disabledRules: SafetyRule.otherCluster.disabledRules)
        #expect(reckless.violations.contains { $0.hasPrefix("other clusters' hosts are left alone") })
    }

    /// k3s runs on the server's VM and no ledger has marked it: somebody set it up by hand.
    @Test("RX somebody's cluster was taken for ours") func foundling() throws {
        let fleet = FleetSketch().fleet()
        var world = try WorldState.standing(fleet)
        for name in world.names where name != "demo-cp-n1" { world.vanish(name) }
        world.disk = nil
        world.machines[0].disk.clusterID = nil
        let run = try Rehearsal(fleet, in: world)
        #expect(run.end.machine("demo-cp-n1")?.disk == world.machines[0].disk && run.end.effects.allSatisfy { $0.subject != "demo-cp-n1" })
        #expect(try run.block("demo-cp-n1").code == .hostOfOtherCluster)
    }

    /// The server's disk is another cluster's now: nothing is drained, deleted, labelled or removed by what that cluster says.
    @Test(
        "RX nodes of whatever cluster answered were labelled",
        arguments: [
            FleetSketch(web: 3, label: "edge"), FleetSketch(web: 3, kubelet: "50"), FleetSketch(web: 2), FleetSketch(web: 3, pool: "front"),
        ])
    func otherCluster(after: FleetSketch) throws {
        var world = try WorldState.standing(FleetSketch(web: 3).fleet())
        var other = world.clusters[0]
        _ = other.change("demo-web-n1") { $0.labels["theirs"] = "1" }
        world.clusters.append(other)
        let index = try #require(world.at("demo-cp-n1"))
        world.machines[index].disk.serverData = 1
        let run = try Rehearsal(after.fleet(), in: world)
        #expect(run.end.effects.allSatisfy { [.createVM, .prepare].contains($0.kind) }, "\(run.effects)")
        #expect(Set(run.end.names).isSuperset(of: world.names))
        #expect(run.end.clusters[1].nodes.values.map(\.labels) == other.nodes.values.map(\.labels))
        #expect(try run.block("demo-cp-n1").code == .clusterCAChanged)
    }

    // MARK: what the file no longer says

    private static func fleet(_ pools: String, prune: Bool = true) throws -> DesiredFleet {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1}, pools: {\(pools)},
             policy: {prune: \(prune)}}
            """
        let outcome = FleetFile.parse(text, file: "fleet.json")
        return try #require(outcome.fleet, "\(outcome.diagnostics)")
    }

    @Test("RX labels and taints that the file dropped stayed") func dropped() throws {
        let taint = #"taints: [{key: "gpu", value: "1", effect: "NoExecute"}]"#
        let before = try Self.fleet("web: {nodes: 1, labels: {tier: 'front', old: 'yes'}, isolated: true, \(taint)}")
        var world = try WorldState.standing(before)
        let (node, mine) = ("demo-web-n1", ClusterModel.Taint(key: "theirs", value: nil, effect: "NoSchedule"))
        #expect(world.nodes[node]?.labels["old"] == "yes" && world.nodes[node]?.taints.count == 2)
        _ = world.clusters[0].change(node) { node in
            node.labels["theirs"] = "kept"
            node.taints.append(mine)
        }
        let run = try Rehearsal(Self.fleet("web: {nodes: 1, labels: {tier: 'front'}}"), in: world)
        let after = try #require(run.end.nodes[node])
        #expect(run.plan?.isSettled == true && after.taints == [mine])
        #expect(after.labels["old"] == nil && after.labels["tier"] == "front" && after.labels["theirs"] == "kept")
    }

    @Test("RX a pool that the file dropped stayed, and nobody said so", arguments: [true, false]) func droppedPool(prune: Bool) throws {
        let world = try WorldState.standing(Self.fleet("web: {nodes: 2}, batch: {nodes: 1}"))
        let run = try Rehearsal(Self.fleet("batch: {nodes: 1}", prune: prune), in: world)
        let gone = ["demo-web-n1", "demo-web-n2"]
        #expect(run.plan?.isSettled == true && run.end.names == (prune ? ["demo-batch-n1", "demo-cp-n1"] : world.names))
        if prune { return }
        #expect(run.effects == [])
        for name in gone { #expect(try run.decision(name) == .reported(.pruneDisabled)) }
    }

    @Test("RX replicas was read and ignored") func replicas() throws {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1"}, pools: {web: {nodes: 1, replicas: 3}}}
            """
        let outcome = FleetFile.parse(text, file: "fleet.json")
        #expect(outcome.fleet == nil && outcome.diagnostics.contains { $0.path == "pools.web.replicas" && $0.severity == .error })
        // The number that there is counts, up and down.
        var world = try WorldState.standing(Self.fleet("web: {nodes: 2}"))
        for count in [3, 1] {
            let run = try Rehearsal(Self.fleet("web: {nodes: \(count)}"), in: world)
            #expect(run.end.names == ["demo-cp-n1"] + (1...count).map { "demo-web-n\($0)" })
            world = run.end
        }
    }
}
