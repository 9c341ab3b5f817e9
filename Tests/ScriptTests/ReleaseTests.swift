import Digest
import Foundation
import K3s
import Shell
import Testing

@testable import FleetCore

/// A fleet as an earlier release left it: its file, its ledger, what its hosts have and what its Nodes say.
struct Release: Codable {
    var fleet: String
    var ledger: Ledger
    var hosts: [String: Host]

    struct Host: Codable {
        var overlay: String
        var tags: [String]
        var labels: [String: String]
        var annotations: [String: String]
        var taints: [Taint]
        var configHash: String
        var settingsHash: String
        var files: [String: File]
    }

    struct File: Codable {
        var mode: Int
        var text: String
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Releases")
    static let now = 1_796_000_000.0

    init(reading name: String) throws {
        self = try JSONDecoder().decode(Release.self, from: Data(contentsOf: Self.folder.appending(path: "\(name).json")))
    }

    private init(fleet: String, ledger: Ledger) { (self.fleet, self.ledger, hosts) = (fleet, ledger, [:]) }

    var desired: DesiredFleet? { FleetFile.parse(fleet, file: "fleet.json").fleet }

    /// What a run of this release knows of it; `probes`: of the hosts that it looked into.
    func facts(_ probes: [String: HostProbe] = [:]) throws -> FleetFacts {
        let fleet = try #require(desired)
        var (observed, reading) = (Observation(), ClusterReading())
        (reading.apiReady, reading.clusterID, reading.caHash, observed.vms) = (true, "c1", "ca", [:])
        for node in fleet.nodes {
            guard let host = hosts[node.name] else { continue }
            observed.vms?[node.name] = ObservedVM(
                name: node.name, status: .running, tags: host.tags, address: .init(host: "h", port: nil, user: nil), createdAt: "then",
                url: nil)
            reading.nodes.append(
                NodeReading(
                    name: node.name, ready: .ready, version: node.k3s, internalIP: host.overlay, labels: host.labels,
                    annotations: host.annotations, taints: host.taints))
        }
        observed.cluster = .read(reading)
        observed.hosts = probes.mapValues { .probed($0) }
        if let share = fleet.nodes.last?.share { observed.shares[fleet.nodes.last?.name ?? ""] = share }
        var facts = FleetFacts(fleet: fleet, observed: observed, ledger: ledger.ranged(as: fleet.cluster), now: Self.now)
        (facts.uptime, facts.digest, facts.credentials.registries) = (Self.now, sha256Hex, "secrets")
        return facts
    }
}

/// A new release of this program does nothing to a settled fleet of an older one. When one of these fails after a change of the product, every
/// operator's nodes would be restarted by it: mend the change, not the fixture. A new fixture is added beside the old ones.
@Suite struct ReleaseTests {
    /// By the month of their making.
    static let releases = ["2026-12"]

    /// What is on the hosts is what today's rules ask for.
    @Test(arguments: releases) func nothingIsDoneByWhatTheLedgerKnows(name: String) throws {
        let release = try Release(reading: name)
        let plan = Planner.plan(try release.facts())
        #expect(plan.actions.isEmpty && plan.isSettled && plan.items.count == 2, "\(plan.items.map(\.decision))")
    }

    /// The test above could not fail if nothing were compared.
    @Test(arguments: releases) func aChangeWouldBeSeen(name: String) throws {
        let release = try Release(reading: name)
        for (from, to) in [("max-pods=50", "max-pods=60"), ("max-pods=110", "max-pods=120"), ("mirror.example", "other.example")] {
            var edited = release
            edited.fleet = release.fleet.replacing(from, with: to)
            #expect(Set(Planner.plan(try edited.facts()).actions.map(\.kind)) == [.install], "\(to)")
        }
    }

    /// The hosts' files, looked into by today's probe, and set up once more by today's install.
    @Test(.enabled(if: FakeHost.works, needsHost), arguments: releases) func nothingIsDoneToItsHosts(name: String) throws {
        let release = try Release(reading: name)
        for node in try #require(release.desired).nodes {
            let host = try #require(release.hosts[node.name])
            try FakeHost.with(node.name) { fake in
                for (path, file) in host.files { try fake.write(path, file.text, mode: file.mode) }
                let outcome = try fake.run(HostScript.probe(), as: node.name)
                let probe = try HostProbe.parse(outcome.stdout)
                #expect(probe.changedFiles == [] && probe.foreignFiles == [] && !probe.isOutdated)
                #expect(probe.configHash == host.configHash)
                let facts = try release.facts([node.name: probe])
                #expect(Planner.plan(facts).isSettled)
                let (files, action) = (fake.files(), facts.install(node, overlay: host.overlay))
                try fake.forgetCalls()
                _ = try Self.send(Sample.script(action), to: fake, node.name)
                #expect(fake.calls(of: "systemctl", "restart").isEmpty)
                let changed = fake.files().filter { $0.value.text != files[$0.key]?.text }.keys.sorted()
                // The script that runs at the next start may be another one.
                #expect(changed.allSatisfy { [HostPath.written, HostPath.waitOverlay].contains($0) }, "\(changed)")
            }
        }
    }

    fileprivate static func send(_ script: Script, to host: FakeHost, _ name: String) throws -> String {
        let bytes = HostScript.addressed(script, to: name).bytes { secret in
            guard let kind = secret.registrySecret else { return Secrets.values[secret]! }
            return Registries.spelled("a secret of a registry", kind)
        }
        let outcome = try host.feed(bytes)
        try #require(outcome.status == 0, "\(outcome.stderr)")
        return outcome.stdout
    }
}

/// Writes what this release makes, when `EXEDEV_RECORD_RELEASE` names a file: the fixture of the next one's test.
@Suite struct ReleaseRecorder {
    private static let file = ProcessInfo.processInfo.environment["EXEDEV_RECORD_RELEASE"]

    private static let fleet = """
        {apiVersion: "exedev-k8s/v1",
         cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: {nodes: 1, taints: ["critical=yes:NoSchedule"], tags: ["ops"]},
          disable: ["traefik", "servicelb"], serverConfig: {"kubelet-arg": ["max-pods=110"], "tls-san": "api.example.org", "secrets-encryption": true},
          agentConfig: {"kubelet-arg": ["max-pods=50", "v=2"]},
          registries: {mirrors: {"docker.io": {endpoints: ["https://mirror.example"], rewrites: {"^rancher/(.*)": "mirror/$1"}}},
           configs: {"mirror.example": {auth: {username: "robot", password: {env: "REGISTRY_PASSWORD"}}}}}},
         pools: {web: {nodes: 1, labels: {tier: "front"}, taints: ["dedicated=web:NoExecute", "late:PreferNoSchedule"], isolated: true,
          tags: ["team-a"], project: "shop", share: {port: 8080, public: true, users: ["ada@example.org"]}}}}
        """

    @Test(.enabled(if: file != nil && FakeHost.works)) func records() throws {
        var release = try Release(recording: Self.fleet)
        for node in try #require(release.desired).nodes { try release.record(node) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(release).write(to: URL(filePath: try #require(Self.file)))
    }
}

extension Release {
    fileprivate init(recording text: String) throws {
        let fleet = try #require(FleetFile.parse(text, file: "fleet.json").fleet)
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "", serviceCIDR: "").ranged(as: fleet.cluster)
        ledger.caHash = "ca"
        self.init(fleet: text, ledger: ledger)
    }

    /// Takes a node the whole way, with its host, and keeps what is there then.
    fileprivate mutating func record(_ node: DesiredNode) throws {
        let address = "100.64.0.\(hosts.count + 1)"
        hosts[node.name] = Host(
            overlay: address, tags: ["fleet-demo"] + node.vm.tags,
            labels: node.role == .server ? node.labels.merging(["node-role.kubernetes.io/control-plane": "true"]) { $1 } : node.labels,
            annotations: [NodePatch.managedLabels: node.labelKeys, NodePatch.managedTaints: node.taintKeys],
            taints: node.taints, configHash: "", settingsHash: "", files: [:])
        let facts = try facts()
        let prepare = Prepare(
            HostPreparation(
                node: node.name, role: node.role, version: node.k3s, expectedSHA256: ledger.digests[node.k3s.description], clusterID: "c1",
                clusterCIDR: ledger.clusterCIDR, serviceCIDR: ledger.serviceCIDR))
        let steps: [any Step] = [
            CreateVM(node: node.name, vm: node.vm, ownerTag: "fleet-demo"), prepare, facts.install(node, overlay: address).step,
        ]
        try FakeHost.with(node.name) { host in
            try host.write("/state/overlay-after-login", address + "\n")
            for step in steps {
                step.before(&ledger, now: Self.now - 5000)
                let script = step.script(ScriptContext(releases: .upstream, now: Sample.now))
                let output = try script.map { try ReleaseTests.send($0, to: host, node.name) } ?? ""
                step.after(&ledger, .done(output: output), now: Self.now - 5000)
            }
            try keep(host, node, address)
        }
        ledger.change(node.name) {
            ($0.createdAt, $0.isRestarting, $0.hasStaleIdentity) = ("then", false, false)
            $0.sharing = node.share.map(Sharing.known) ?? .notSet
        }
    }

    /// Once k3s has started there.
    private mutating func keep(_ host: FakeHost, _ node: DesiredNode, _ address: String) throws {
        try host.write("/state/address", "inet \(address)/32 ")
        try #require(try host.run("\(HostPath.waitOverlay)", as: node.name).status == 0)
        try host.write("/state/\(node.role.unit).active", "active\n")
        let probe = try HostProbe.parse(try host.run(HostScript.probe(), as: node.name).stdout)
        hosts[node.name]?.configHash = probe.configHash ?? ""
        hosts[node.name]?.settingsHash = probe.settingsHash ?? ""
        var files = host.files()
        for name in try FileManager.default.contentsOfDirectory(atPath: host.root + "/state") {
            files["/state/\(name)"] = host.state("/state/\(name)")
        }
        hosts[node.name]?.files = files.compactMapValues { state in
            state.text.map { File(mode: Int(state.mode), text: $0) }
        }
    }
}
