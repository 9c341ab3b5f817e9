import Digest
import FleetCore
import Foundation
import K3s
import Reconciler
import Shell
import Testing

/// Servers that are several, on a host.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct ServersTests {
    private static func install(_ setup: NodeSetup) -> Action { .install(Install(setup, digest: "d", version: Sample.version)) }

    @Test func aServerThatJoinsHasTheLongToken() throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(), on: host)
            try SetupTests.run(Self.install(Sample.joiner), on: host)
            let token = try #require(host.read(HostPath.token))
            #expect(token == "K10abc123::server:" + Secrets.values[.serverToken]!)
            let config = try #require(host.read(HostPath.config))
            #expect(config.contains("server: \"https://100.64.0.1:6443\"") && !config.contains("cluster-init"))
        }
    }

    @Test(arguments: [("0.010000", 0), ("0.010100", 87), ("0.000000", 1)])
    func serversThatAreFarApartAreNotJoined(seconds: String, status: Int32) throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(), on: host)
            try host.write("/state/connect", seconds + "\n")
            let outcome = try host.run(Sample.script(Self.install(Sample.joiner)))
            #expect(outcome.status == status, "\(outcome.stderr)")
            #expect(status != 87 || outcome.stderr.contains("takes 11 ms, and limits.etcdRoundTripMilliseconds is 10"))
            #expect((host.read(HostPath.config) == nil) == (status != 0))
        }
    }

    /// A member needs neither `cluster-init` nor the server that it joined by.
    @Test func theWayInChangesWithoutARestart() throws {
        try FakeHost.with { host in
            var setup = Sample.setup()
            setup.initializesEtcd = true
            try SetupTests.run(Sample.prepare(), on: host)
            try SetupTests.run(Self.install(setup), on: host)
            #expect(host.read(HostPath.config)?.contains("cluster-init: true") == true)
            try host.write("/state/k3s.active", "active")
            try host.write("/var/lib/rancher/k3s/server/db/etcd/config", "")
            for address in [nil, "100.64.0.3", "100.64.0.4"] {
                (setup.initializesEtcd, setup.serverAddress) = (false, address)
                try host.forgetCalls()
                try SetupTests.run(Self.install(setup), on: host)
                #expect(host.read(HostPath.config) == setup.configFile() && host.calls(of: "systemctl", "restart").isEmpty)
            }
            #expect(try ReadingTests.probe(host).settingsHash == sha256Hex(setup.lastingSettings))
        }
    }

    @Test func sqliteIsBroughtToEtcdByARestart() throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(), on: host)
            try SetupTests.run(Self.install(Sample.setup()), on: host)
            try host.write("/state/k3s.active", "active")
            try host.write("/var/lib/rancher/k3s/server/db/state.db", "data")
            var setup = Sample.setup()
            setup.initializesEtcd = true
            for isDone in [false, true] {
                if isDone { try host.write("/var/lib/rancher/k3s/server/db/etcd/config", "") }
                try host.forgetCalls()
                try SetupTests.run(Self.install(setup), on: host)
                #expect(host.calls(of: "systemctl", "restart").isEmpty == isDone)
            }
        }
    }

    /// An agent that a release of before December 2026 has set up is not restarted by this one: its unit noted a digest that counted the server.
    @Test func whatAnEarlierReleaseNotedIsNoChange() throws {
        try FakeHost.with { host in
            var setup = Sample.setup(.agent)
            setup.taints = []
            try SetupTests.run(Sample.prepare(.agent), on: host)
            try SetupTests.run(Self.install(setup), on: host)
            try host.write(HostPath.started, "\(sha256Hex(setup.settings))  \(HostPath.config)\n")
            #expect(try !ReadingTests.probe(host).isOutdated)
        }
    }

    @Test func readsTheMembersOfEtcd() throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(), on: host)
            try host.write("/state/kubectl-get.out", "{\"items\": []}\n")
            #expect(try ClusterReading.parse(host.run(HostScript.readCluster()).stdout).members == nil)
            try host.write("/var/lib/rancher/k3s/server/tls/etcd/peer-server-client.crt", "")
            try host.write(
                "/mirror/members",
                """
                [{"id":1,"peerURLs":["https://100.64.0.2:2380"],"name":"demo-cp-n2-1a2b3c4d","isLearner":true},
                 {"id":2,"name":"demo-cp-n1-5e6f7a8b"}, {"id":3}]

                """)
            let reading = try ClusterReading.parse(host.run(HostScript.readCluster()).stdout)
            #expect(reading.members == ["a member without a name", "demo-cp-n1", "demo-cp-n2"])
        }
    }
}
