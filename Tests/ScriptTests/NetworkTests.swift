import K3s
import Testing

/// The part of the probe that looks at the networks between nodes.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct NetworkTests {
    private static func probe(_ arrange: (FakeHost) throws -> Void) throws -> HostProbe {
        var probe: HostProbe?
        try FakeHost.with { host in
            try host.write("/state/overlay", "100.64.0.2\n")
            try host.write("/state/tailscaled.active", "active\n")
            try arrange(host)
            let outcome = try host.run(HostScript.probe())
            probe = try HostProbe.parse(outcome.stdout)
        }
        return try #require(probe)
    }

    private static func runK3s(_ host: FakeHost) throws {
        try host.write("/etc/systemd/system/k3s-agent.service", "")
        try host.write("/state/k3s-agent.active", "active\n")
        let routes = """
            default via 10.42.0.1 dev eth0
            10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink
            10.244.2.0/24 dev cni0 proto kernel scope link src 10.244.2.1

            """
        try host.write("/state/routes", routes)
        try host.write("/state/neigh", "10.244.0.0 lladdr 36:aa:bb:cc:dd:ee PERMANENT\n")
        try host.write("/state/fdb", "36:aa:bb:cc:dd:ee dst 100.64.0.1 self permanent\n")
    }

    @Test func aPeerThatAnswersIsAllThatIsAskedFor() throws {
        let probe = try Self.probe { host in
            try Self.runK3s(host)
            try host.write("/mirror/healthz", "ok")
        }
        #expect(probe.podNetwork == nil)
    }

    @Test func aPeerThatDoesNotIsNamed() throws {
        let probe = try Self.probe { try Self.runK3s($0) }
        let peer = PodNetworkFailure.Peer(podAddress: "10.244.0.0", overlayAddress: "100.64.0.1")
        #expect(probe.podNetwork == PodNetworkFailure(interface: "flannel.1", mtu: nil, peers: [peer]))
    }

    @Test func withoutK3sOrPeersNothingIsSaid() throws {
        let idle = try Self.probe { host in
            try Self.runK3s(host)
            try host.write("/state/k3s-agent.active", "inactive\n")
        }
        let alone = try Self.probe { host in
            try Self.runK3s(host)
            try host.write("/state/routes", "default via 10.42.0.1 dev eth0\n")
        }
        #expect(idle.podNetwork == nil && alone.podNetwork == nil)
    }

    @Test func readsWhatTheTailnetSays() throws {
        let plain = try Self.probe { try $0.write("/state/tailscale-lock.out", "Tailnet Lock is NOT enabled.\n") }
        let locked = try Self.probe { host in
            let words = "This node is LOCKED OUT by tailnet-lock, and action is required to establish connectivity.\n"
            try host.write("/state/tailscale-lock.out", words)
            try host.write("/state/tailscale-status.out", "{\n  \"Self\": {\n    \"DNSName\": \"demo-n1-1.tail0.ts.net.\",\n  }\n}\n")
        }
        #expect(!plain.isLockedOut && plain.overlayDevice == nil)
        #expect(locked.isLockedOut && locked.overlayDevice == "demo-n1-1" && locked.isInOverlay)
    }
}
