import FleetCore
import K3s
import Reconciler
import Shell
import Testing

/// Defects of RX, an earlier tool of this name, in its scripts (facts/peers.md, "Defects read in RX").
@Suite(.enabled(if: FakeHost.works, needsHost)) struct PriorArtTests {
    /// Every step of a pipeline that may fail, failing: the order fails with it, what was there stays, and k3s is not started.
    static let cuts: [Provocation] = [
        Provocation(testDescription: "the installer is cut", status: 79, message: "") { try $0.write("/mirror/install.sh.cut", "") },
        Provocation(testDescription: "the binary is cut", status: 79, message: "") { try $0.write("/mirror/k3s.cut", "") },
        Provocation(testDescription: "the checksums are cut", status: 79, message: "") {
            try $0.write("/mirror/sha256sum-amd64.txt.cut", "")
        },
        Provocation(testDescription: "tailscale up fails", status: 78, message: "") { try $0.write("/state/tailscale-up.status", "1") },
    ]

    @Test("RX a failed pipe was not caught", arguments: cuts) func cut(_ case: Provocation) throws {
        try FakeHost.with { host in
            try host.write(HostPath.installer, "old", mode: 0o700)
            try `case`.arrange(host)
            let outcome = try host.run(Sample.script(`case`.order))
            #expect(outcome.status == `case`.status && !outcome.stderr.isEmpty)
            #expect(host.read(HostPath.installer) == "old" && host.calls(of: "systemd-run").isEmpty && host.leftovers.isEmpty)
            #expect(host.read(HostPath.cluster) == nil, "the host is not marked as prepared")
        }
    }

    /// Each tool in turn fails: the script must not report success.
    @Test("RX a step ran without set -e", arguments: ["mkdir", "cat", "mv", "chmod", "sha256sum", "cut", "df", "awk"]) func failing(
        tool: String
    ) throws {
        try FakeHost.with { host in
            try host.install([tool: "#!/bin/sh\nexit 9\n"], in: "/fake")
            let outcome = try host.run(Sample.script(Sample.prepare()))
            #expect(outcome.status != 0)
            #expect(host.calls(of: "systemctl", "restart").isEmpty)
        }
    }

    /// What is fetched is a file that was looked at, never a stream into a shell.
    @Test("RX curl was piped into sh", arguments: Sample.orders) func noPipeIntoShell(order: Action) {
        let text = Sample.script(order).shown
        #expect(!text.contains(/\|\s*(sudo\s+)?(\/bin\/)?(ba|da)?sh\b/))
        #expect(!text.contains(/eval\s|\$\(curl[^|]*\)\s*"?\s*\|/))
    }

    /// The login's environment and root's own kubeconfig name another cluster: kubectl speaks to the host's own all the same.
    @Test("RX nodes of whatever cluster kubectl points at were labelled") func kubeconfig() throws {
        let orders: [Script] =
            [
                .patchNode(PatchNode(node: "n", Sample.shape)), .cordon(Cordon(node: "n")),
                .drain(Drain(node: "n", isSilent: false)),
                .deleteNode(DeleteNode(node: "n", ifSilent: false)), .purgeIdentity(PurgeIdentity(node: "n")),
                .uncordon(Uncordon(node: "n")),
            ].map {
                Sample.script($0)
            } + [
                HostScript.readCluster(), HostScript.holdLease(holder: "me", LeaseClaim(seconds: 60)),
                HostScript.releaseLease(holder: "me"),
            ]
        for script in orders {
            try FakeHost.with { host in
                let k3s = #"printf '%s\n' "${KUBECONFIG:-none}" >>/log/kubeconfig"#
                try host.install(["k3s": FakePrograms.program(k3s)], in: "/usr/local/bin")
                let bytes = HostScript.addressed(script, to: "demo-n1").bytes { _ in "" }
                _ = try host.feed(Array("export KUBECONFIG=/root/other.yaml\n".utf8) + bytes)
                let used = Set(try #require(host.read("/log/kubeconfig")).split(separator: "\n"))
                #expect(used == ["/etc/rancher/k3s/k3s.yaml"])
            }
        }
    }

    /// A run with another state directory: the host's tokens, its mark and its configuration stay those of its own cluster.
    @Test("RX a new token was sent to a host of another cluster", arguments: Role.allCases) func token(role: Role) throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(role), .install(Install(Sample.setup(role), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            let before = host.files()
            var stranger = Sample.setup(role)
            stranger.clusterID = "c2"
            let outcome = try host.run(Sample.script(.install(Install(stranger, digest: "d", version: Sample.version))))
            #expect(outcome.status == 76 && outcome.stderr == "the host belongs to another cluster\n")
            #expect(host.files() == before)
            #expect(HostFailure.advice(exitStatus: 76)?.contains("state directory") == true)
        }
    }

    /// The mark stands in the cluster's reading, so that a server of another ledger is known before anything is done to its cluster.
    @Test("RX a server of another cluster was not told apart") func mark() throws {
        try FakeHost.with { host in
            try host.install(["k3s": FakePrograms.k3s], in: "/usr/local/bin")
            try host.write("/state/kubectl-get.out", "{\n  \"items\": []\n}\n")
            let bare = try ClusterReading.parse(host.run(HostScript.readCluster()).stdout)
            #expect(bare.clusterID == nil)
            try host.write(HostPath.cluster, "c2")
            #expect(try ClusterReading.parse(host.run(HostScript.readCluster()).stdout).clusterID == "c2")
        }
    }
}
