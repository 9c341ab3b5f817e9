import Digest
import FleetCore
import Foundation
import K3s
import Reconciler
import Testing

@Suite(.enabled(if: FakeHost.works, needsHost)) struct ReadingTests {
    /// The probe's answer, which changes nothing on the host.
    static func probe(_ host: FakeHost) throws -> HostProbe {
        let before = host.files()
        let outcome = try host.run(HostScript.probe())
        try #require(outcome.status == 0)
        #expect(outcome.stderr == "" && host.files() == before)
        return try HostProbe.parse(outcome.stdout)
    }

    @Test func probesABareHost() throws {
        try FakeHost.with { host in
            var expected = HostProbe()
            (expected.hostname, expected.systemd) = ("demo-n1", "running")
            #expect(try Self.probe(host) == expected)
            try host.remove("/fake/tailscale")
            try host.write("/state/systemd", "starting")
            (expected.systemd, expected.isLate) = ("starting", try Self.initAge() >= HostProbe.bootDeadline)
            #expect(try Self.probe(host) == expected)
        }
    }

    /// The host's init is that of this machine.
    @Test func tellsWhyABootDoesNotEnd() throws {
        try FakeHost.with { host in
            try host.write("/state/systemd", "starting")
            try host.write("/state/jobs", "  12 slow.service start running\n 13 k3s.service start waiting\n 14 net.service start running\n")
            let probe = try Self.probe(host)
            #expect(probe.jobs == ["slow.service", "net.service"] && !probe.isBooted)
            #expect(probe.isLate == (try Self.initAge() >= HostProbe.bootDeadline))
            try host.write("/state/systemd", "degraded")
            #expect(try Self.probe(host).jobs == [])
        }
    }

    private static func initAge() throws -> Int {
        let (stat, uptime) = (try text("/proc/1/stat"), try text("/proc/uptime"))
        let began = try #require(stat.split(separator: ")").last?.split(separator: " ").dropFirst(19).first.flatMap { Int($0) })
        return try #require(uptime.split(separator: ".").first.flatMap { Int($0) }) - began / 100
    }

    private static func text(_ file: String) throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

    @Test func probesAHostThatNeedsLogin() throws {
        try FakeHost.with { host in
            try host.write("/state/tailscaled.active", "active")
            #expect(try Self.probe(host).overlay == .needsLogin)
        }
    }

    @Test func probesAPreparedHost() throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(), on: host)
            let probe = try Self.probe(host)
            #expect(probe.overlay == .up(address: "100.64.0.2") && probe.binarySHA256 == sha256Hex(FakePrograms.k3s))
            #expect(probe.binaryVersion == Sample.version && probe.hasInstaller && probe.clusterID == "c1")
            #expect(probe.server == nil && probe.agent == nil && probe.configHash == nil && probe.journal == nil)
        }
    }

    @Test(arguments: Role.allCases)
    func probesARunningHost(role: Role) throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(role), .install(Install(Sample.setup(role), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            try host.write("/state/\(role.unit).active", "active")
            try host.write("/state/\(role.unit).sub", "running")
            try host.write("/var/lib/rancher/k3s/\(role == .server ? "server/db" : "agent")/state.db", "")
            let probe = try Self.probe(host)
            let unit = role == .server ? probe.server : probe.agent
            #expect(unit?.words == "active (running)" && unit?.enabled == true)
            #expect((role == .server ? probe.agent : probe.server) == nil)
            #expect(probe.configHash == sha256Hex(Sample.setup(role).settings) && probe.journal == nil)
            #expect(probe.changedFiles == [] && probe.foreignFiles == [] && !probe.isOutdated)
            #expect(probe.hasServerData == (role == .server) && probe.hasAgentData == (role == .agent))
        }
    }

    @Test func probesACrashLoop() throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(.agent), .install(Install(Sample.setup(.agent), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            let state = ["active": "activating", "sub": "auto-restart", "restarts": "7"]
            for (name, text) in state { try host.write("/state/k3s-agent.\(name)", text) }
            let words = #"msg="flag \"x\n\" = not defined" $HOME"#
            try host.write("/state/journal", "=== exedev-k8s probe end\n\(words)\n\(String(repeating: "é", count: 400))\n")
            let probe = try Self.probe(host)
            #expect(probe.agent?.words == "activating (auto-restart), 7 restarts")
            let journal = try #require(probe.journal).split(separator: "\n")
            #expect(journal.count == 3 && journal[1] == words && journal[2].count <= 300)
        }
    }

    // MARK: the cluster

    static func cluster(_ host: FakeHost) throws -> ClusterReading {
        let outcome = try host.run(HostScript.readCluster())
        try #require(outcome.status == 0)
        #expect(outcome.stderr == "")
        return try ClusterReading.parse(outcome.stdout)
    }

    /// Shaped as kubectl prints it, with text that a shell's `echo` would change.
    static let nodes = #"""
        {
            "apiVersion": "v1",
            "items": [
                {
                    "metadata": {
                        "annotations": {"note": "a \"b\" \\n \\\\ c\td\n \\c %s", "uni": "ünï"},
                        "name": "demo-n1"
                    },
                    "status": {"conditions": [{"type": "Ready", "status": "True"}]}
                }
            ],
            "kind": "List"
        }

        """#

    @Test func readsACluster() throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(), .install(Install(Sample.setup(), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            try host.write("/var/lib/rancher/k3s/server/tls/server-ca.crt", "certificate")
            try host.write("/state/kubectl-get.out", Self.nodes)
            let reading = try Self.cluster(host)
            #expect(reading.apiReady && reading.caHash == sha256Hex("certificate") && reading.unit?.active == "activating")
            #expect(reading.nodes.map(\.name) == ["demo-n1"] && reading.nodes.first?.ready == .ready)
            #expect(reading.nodes.first?.annotations == ["note": "a \"b\" \\n \\\\ c\td\n \\c %s", "uni": "ünï"])
        }
    }

    /// A kubelet may write what it likes of its own node (facts/kubernetes.md #7): it blinds nobody.
    @Test func oneNodeCannotFillTheReading() throws {
        try FakeHost.with { host in
            try host.install(["k3s": FakePrograms.k3s], in: "/usr/local/bin")
            func item(_ name: String, _ annotations: [String], _ message: String) -> String {
                let notes = annotations.map { "                    \($0)" }.joined(separator: ",\n")
                return """
                            {
                                "metadata": {
                                    "annotations": {
                    \(notes)
                                    },
                                    "name": "\(name)"
                                },
                                "status": {
                                    "conditions": [
                                        {
                                            "message": "\(message)",
                                            "reason": "KubeletNotReady",
                                            "status": "False",
                                            "type": "Ready"
                                        },
                                        {
                                            "message": "\(message)",
                                            "reason": "\(message)",
                                            "status": "Unknown",
                                            "type": "MemoryPressure"
                                        }
                                    ]
                                }
                            }
                    """
            }
            let much = String(repeating: #"\u003c\"\\ x"#, count: 20000)
            let ours = [#""exedev.dev/managed-labels": "1, \"2\"""#, #""exedev.dev/a": "3""#, #""exedev.dev/removing": "2""#]
            let items = [
                item("demo-n1", [#""alpha.io/note": "\#(much)""#] + ours + [#""k3s.io/x": "\#(much)""#], much),
                item("demo-n2", [#""k3s.io/x": "y""#, #""exedev.dev/removing": "\#(much)""#], #"short \"one\""#),
            ]
            try host.write(
                "/state/kubectl-get.out", "{\n    \"items\": [\n" + items.joined(separator: ",\n") + "\n    ],\n    \"kind\": \"List\"\n}\n"
            )
            let outcome = try host.run(HostScript.readCluster())
            #expect(outcome.stdout.utf8.count < 4000)
            let nodes = try ClusterReading.parse(outcome.stdout).nodes
            #expect(nodes.map(\.name) == ["demo-n1", "demo-n2"])
            #expect(nodes[0].annotations == ["exedev.dev/managed-labels": "1, \"2\"", "exedev.dev/removing": "2"])
            #expect(nodes[1].annotations == [:])
            #expect(nodes[1].ready == .notReady(reason: "KubeletNotReady: short \"one\""), "\(nodes[1].ready)")
        }
    }

    /// k3s warns on standard error of keys that it does not know (facts/k3s.md §2), and answers all the same.
    @Test func readsAClusterPastAWarning() throws {
        try FakeHost.with { host in
            try host.install(["k3s": FakePrograms.k3s], in: "/usr/local/bin")
            try host.write("/state/kubectl-get.out", Self.nodes)
            try host.write(
                "/state/kubectl-get.err", "time=\"2026-11-24\" level=warning msg=\"Unknown flag --x found in config.yaml, skipping\"\n")
            #expect(try Self.cluster(host).nodes.count == 1)
        }
    }

    @Test func saysWhyTheAPIIsDown() throws {
        try FakeHost.with { host in
            #expect(try Self.cluster(host).reason == "k3s is not installed")
            try host.install(["k3s": FakePrograms.k3s], in: "/usr/local/bin")
            try host.write("/state/kubectl-get.status", "1")
            try host.write("/state/kubectl-get.err", "E1124 memcache.go\nThe connection to 127.0.0.1:6443 was refused: C:\\new\n")
            let reading = try Self.cluster(host)
            #expect(!reading.apiReady && reading.nodes.isEmpty)
            #expect(reading.reason == "The connection to 127.0.0.1:6443 was refused: C:\\new")
        }
    }

    @Test func givesTheKubeconfigOrFails() throws {
        try FakeHost.with { host in
            try host.remove("/etc/rancher/k3s/k3s.yaml")
            #expect(try host.run(HostScript.kubeconfig()).status != 0)
            try host.write("/etc/rancher/k3s/k3s.yaml", "apiVersion: v1\n# \\n\n")
            #expect(try host.run(HostScript.kubeconfig()).stdout == "apiVersion: v1\n# \\n\n")
        }
    }
}

/// What a server gives back of a lost state directory.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct ServerRecordTests {
    @Test func isReadFromTheServer() throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(), .install(Install(Sample.setup(), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            let before = host.files()
            let outcome = try host.run(HostScript.serverRecord())
            #expect(outcome.status == 0 && outcome.stderr == "" && host.files() == before)
            let record = try ServerRecord.parse(outcome.stdout)
            #expect(record.serverToken == Secrets.values[.serverToken] && record.agentToken == Secrets.values[.agentToken])
            #expect(record.clusterCIDR == "10.244.0.0/16" && record.serviceCIDR == "10.245.0.0/16")
            for text in ["\(record)", String(reflecting: record)] {
                #expect(!Secrets.fragments.contains { text.contains($0) }, "\(text)")
            }
            // A cut answer and a server that lost a token are refused, in words that repeat no secret.
            for answer in [String(outcome.stdout.dropLast(20)), outcome.stdout.replacing(/service-cidr=.*\n/, with: ""), ""] {
                let error = #expect(throws: ReadingError.self) { try ServerRecord.parse(answer) }
                #expect(!Secrets.fragments.contains { "\(error!)".contains($0) }, "\(error!)")
            }
        }
    }

    /// They are fixed from the founding on: the file may ask for others by now.
    @Test func tellsWhatTheClusterWasFoundedWith() throws {
        try FakeHost.with { host in
            var setup = Sample.setup()
            let founding: [String: ConfigValue] = [
                "cluster-domain": .string("example.org"), "flannel-backend": .string("host-gw"), "secrets-encryption": .boolean(true),
                "service-node-port-range": .string("30000-32767"), "cluster-dns": .string("10.245.0.10"),
            ]
            setup.extra = founding
            for order in [Sample.prepare(), .install(Install(setup, digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            #expect(try ServerRecord.parse(host.run(HostScript.serverRecord()).stdout).founding == founding)
        }
    }

    @Test func anAgentHasNone() throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(.agent), .install(Install(Sample.setup(.agent), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            let outcome = try host.run(HostScript.serverRecord())
            #expect(throws: ReadingError.self) { try ServerRecord.parse(outcome.stdout) }
        }
    }
}
