import FleetCore
import Foundation
import K3s
import Testing

/// A host keeps the highest fencing number that it obeyed, and refuses a lower one.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct FenceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What the host has kept, and the mark that it bears.
        var kept: String?
        var mark: String? = "c1"
        var token: FencingToken
        var status: Int32 = 0
        /// What it keeps from then on.
        var keeps: String?

        init(_ words: String, kept: String?, mark: String? = "c1", _ cluster: String, _ number: Int, status: Int32 = 0, keeps: String?) {
            (testDescription, self.kept, self.mark, self.status, self.keeps) = (words, kept, mark, status, keeps)
            token = FencingToken(clusterID: cluster, number: number)
        }
    }

    @Test(arguments: [
        Row("the first one", kept: nil, "c1", 3, keeps: "c1 3\n"),
        Row("before there is a Lease", kept: nil, mark: nil, "c1", 0, keeps: nil),
        Row("a later one", kept: "c1 3\n", "c1", 4, keeps: "c1 4\n"),
        Row("the same once more", kept: "c1 3\n", "c1", 3, keeps: "c1 3\n"),
        Row("an older one", kept: "c1 3\n", "c1", 2, status: HostFailure.fenced, keeps: "c1 3\n"),
        Row("as if there were no Lease", kept: "c1 3\n", "c1", 0, status: HostFailure.fenced, keeps: "c1 3\n"),
        Row("a new cluster on a host that was given to it", kept: "c1 3\n", mark: nil, "c2", 1, keeps: "c2 1\n"),
        Row("a new cluster before it has a Lease", kept: "c1 3\n", mark: nil, "c2", 0, keeps: "c2 0\n"),
        Row("another cluster's host", kept: "c1 3\n", "c2", 9, status: 76, keeps: "c1 3\n"),
        Row("a mark of before numbers", kept: nil, mark: "c2", "c1", 1, keeps: "c1 1\n"),
        Row("a damaged file", kept: "c1 99999999999999999999\n", "c1", 1, keeps: "c1 1\n"),
        Row("an empty file", kept: "", "c1", 1, keeps: "c1 1\n"),
        Row("more than a shell's numbers", kept: "c1 -5\n", "c1", 1, keeps: "c1 1\n"),
    ])
    func obeys(row: Row) throws {
        try FakeHost.with { host in
            try host.write("/etc/systemd/system/k3s-agent.service", "")
            if let kept = row.kept { try host.write(HostPath.fence, kept) }
            if let mark = row.mark { try host.write(HostPath.cluster, mark) }
            for _ in 1...2 {
                let outcome = try host.run(Sample.script(.restart(Restart(node: "demo-n1", role: .agent))), under: row.token)
                #expect(outcome.status == row.status, "\(outcome.stderr)")
                #expect(host.read(HostPath.fence) == row.keeps)
                #expect(host.calls(of: "systemctl", "restart").isEmpty == (row.status != 0))
                if row.status == HostFailure.fenced {
                    #expect(outcome.stdout == "fence=3\n")
                    #expect(outcome.stderr.hasSuffix("and the host has obeyed number 3\n"))
                }
                try host.forgetCalls()
            }
        }
    }

    /// Every order on a host, and every one that kubectl carries out on the server, asks before it does anything.
    @Test(arguments: Sample.orders) func everyChangeIsFenced(order: Action) throws {
        try KubectlTests.withK3s { host in
            try host.write(HostPath.fence, "c1 3\n")
            let outcome = try host.run(Sample.script(order), under: FencingToken(clusterID: "c1", number: 2))
            #expect(outcome.status == HostFailure.fenced, "\(outcome.stderr)")
            #expect(host.calls(of: "k3s").isEmpty && host.calls(of: "systemctl").isEmpty && host.calls(of: "tailscale").isEmpty)
        }
    }

    /// It outlasts a power cut, and is on the disk before anything is done.
    @Test func isDurable() throws {
        try FakeHost.with { host in
            try host.write("/etc/systemd/system/k3s-agent.service", "")
            let restart = Sample.script(.restart(Restart(node: "demo-n1", role: .agent)))
            let outcome = try host.run(restart, under: FencingToken(clusterID: "c1", number: 3))
            #expect(outcome.status == 0)
            let names = host.calls.map { $0[0] }
            let (sync, acts) = (names.firstIndex(of: "sync"), names.firstIndex(of: "systemctl"))
            #expect(sync != nil && acts != nil && sync! < acts!, "\(names)")
            #expect(host.state(HostPath.fence)?.mode == 0o600)
        }
    }

    @Test func theProbeShowsIt() throws {
        try FakeHost.with { host in
            let none = try HostProbe.parse(host.run(HostScript.probe()).stdout)
            try host.write(HostPath.fence, "c1 3\n")
            let kept = try HostProbe.parse(host.run(HostScript.probe()).stdout)
            #expect(none.fence == nil && kept.fence == FencingToken(clusterID: "c1", number: 3))
        }
    }

    /// A tailnet that does not answer keeps no VM from being removed.
    @Test(arguments: [0, 1]) func takesTheDeviceOut(status: Int) throws {
        try FakeHost.with { host in
            try host.write("/state/tailscale-logout.status", "\(status)")
            let outcome = try host.run(HostScript.logOut())
            #expect(outcome.status == 0)
            #expect(host.calls(of: "tailscale") == [["tailscale", "logout"]])
        }
    }

    @Test func aHostWithoutTailscaleHasNoDevice() throws {
        try FakeHost.with { host in
            try host.remove("/fake/tailscale")
            let outcome = try host.run(HostScript.logOut())
            #expect(outcome.status == 0)
        }
    }
}
