import Digest
import FleetCore
import K3s
import Reconciler
import Shell
import Testing

@Suite(.enabled(if: FakeHost.works, needsHost)) struct SetupTests {
    /// Runs an order that must succeed.
    @discardableResult
    static func run(_ order: Action, on host: FakeHost) throws -> String {
        let outcome = try host.run(Sample.script(order))
        try #require(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.stderr == "")
        #expect(host.leftovers.isEmpty)
        return outcome.stdout
    }

    /// Whether the only restart is of this unit, with `--no-block`.
    static func restarts(_ host: FakeHost, _ unit: String) -> Bool {
        host.calls(of: "systemctl", "restart") == [["systemctl", "restart", "--no-block", unit]]
    }

    @Test(arguments: Role.allCases)
    func setsUpAndIsDoneWithIt(role: Role) throws {
        try FakeHost.with { host in
            let answer = try Self.run(Sample.prepare(role), on: host)
            #expect(answer == "overlay-address=100.64.0.2\nk3s-sha256=\(sha256Hex(FakePrograms.k3s))\n")
            #expect(host.state(HostPath.binary)?.mode == 0o755 && host.state(HostPath.installer)?.mode == 0o700)
            #expect(
                host.calls(of: "tailscale", "up") == [
                    [
                        "tailscale", "up", "--reset", "--auth-key=file:/run/exedev-k8s-overlay-key", "--accept-dns=false",
                        "--accept-routes=false", "--hostname=demo-n1",
                    ]
                ])

            try Self.run(.install(Install(Sample.setup(role), digest: "d", version: Sample.version)), on: host)
            #expect(host.read(HostPath.config) == Sample.setup(role).configFile())
            #expect(host.read("/etc/systemd/system/\(role.unit).service")?.contains("ExecStart=/usr/local/bin/k3s \(role)") == true)
            #expect(host.state("/etc/systemd/system/\(role.unit).service.d/10-exedev.conf")?.mode == 0o644)
            #expect(host.state(HostPath.waitOverlay)?.mode == 0o755)
            #expect(Self.restarts(host, role.unit))

            let before = host.files()
            try host.forgetCalls()
            try Self.run(Sample.prepare(role, expected: sha256Hex(FakePrograms.k3s)), on: host)
            try Self.run(.install(Install(Sample.setup(role), digest: "d", version: Sample.version)), on: host)
            #expect(host.files() == before)
            #expect(host.calls(of: "systemctl", "restart").isEmpty && host.calls(of: "systemd-run").isEmpty)
            #expect(host.calls(of: "tailscale", "up").isEmpty)
        }
    }

    @Test func joinsAsTheFleetFileSays() throws {
        try FakeHost.with { host in
            guard case .prepare(let step) = Sample.prepare() else { return }
            var preparation = step.host
            preparation.overlay = OverlayLogin(tags: ["tag:a", "tag:b"], controlURL: "https://headscale.example")
            try Self.run(.prepare(Prepare(preparation)), on: host)
            let flags = try #require(host.calls(of: "tailscale", "up").first)
            #expect(flags.suffix(2) == ["--advertise-tags=tag:a,tag:b", "--login-server=https://headscale.example"])
        }
    }

    /// A machine of an OAuth client is ephemeral unless its secret says otherwise, and an ephemeral one loses its address.
    @Test(arguments: [
        ("tskey-client-x", "tskey-client-x?ephemeral=false&preauthorized=true"),
        ("tskey-client-x?ephemeral=true", "tskey-client-x?ephemeral=true"),
        ("tskey-auth-x", "tskey-auth-x"),
    ])
    func machinesOfAnOAuthClientStay(key: String, given: String) throws {
        try FakeHost.with { host in
            let script = HostScript.addressed(Sample.script(Sample.prepare()), to: "demo-n1").bytes { _ in key }
            let outcome = try host.feed(script)
            #expect(outcome.status == 0 && host.read("/state/authkey") == given, "\(outcome.stderr)")
        }
    }

    @Test(arguments: Role.allCases)
    func restartsOnceWhenTheConfigurationChanged(role: Role) throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(role), on: host)
            try Self.run(.install(Install(Sample.setup(role), digest: "d", version: Sample.version)), on: host)
            try host.write("/state/\(role.unit).active", "active")
            var changed = Sample.setup(role)
            changed.extra["kubelet-arg"] = .list(["max-pods=60"])

            for expected in [1, 0] {
                try host.forgetCalls()
                try Self.run(.install(Install(changed, digest: "d", version: Sample.version)), on: host)
                #expect(host.read(HostPath.config) == changed.configFile())
                #expect(host.calls(of: "systemctl", "restart").count == expected)
                #expect(host.calls(of: "systemd-run").isEmpty)
            }
        }
    }

    @Test func aRestartThatFailedIsNotForgotten() throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(), on: host)
            try Self.run(.install(Install(Sample.setup(), digest: "d", version: Sample.version)), on: host)
            try host.write("/state/k3s.active", "active")
            var changed = Sample.setup()
            changed.disable = []
            try host.write("/state/systemctl-restart.status", "1")
            #expect(try host.run(Sample.script(.install(Install(changed, digest: "d", version: Sample.version)))).status == 1)

            try host.remove("/state/systemctl-restart.status")
            try host.forgetCalls()
            try Self.run(.install(Install(changed, digest: "d", version: Sample.version)), on: host)
            #expect(Self.restarts(host, "k3s"))
        }
    }

    /// exe.dev's `restart` syncs nothing: what was reported as done would be undone by it.
    @Test(arguments: [
        Sample.prepare(.agent), .install(Install(Sample.setup(.agent), digest: "d", version: Sample.version)),
        .stop(Stop(node: "demo-n1", role: .agent)),
    ])
    func whatIsDoneIsOnTheDisk(order: Action) throws {
        try FakeHost.with { host in
            for before in [Sample.prepare(.agent), .install(Install(Sample.setup(.agent), digest: "d", version: Sample.version))] {
                try Self.run(before, on: host)
            }
            try host.remove(HostPath.config)
            try host.forgetCalls()
            try Self.run(order, on: host)
            #expect(host.calls(of: "sync") == [["sync", "-f", "/"]])
            let writes = ["mv", "systemd-run", "curl", "tailscale"]
            let (last, synced) = (
                host.calls.lastIndex { writes.contains($0[0]) || $0.contains("disable") }, host.calls.firstIndex { $0[0] == "sync" }
            )
            #expect(try #require(last) < #require(synced))

            try host.write("/state/sync.status", "1")
            #expect(try host.run(Sample.script(order)).status == 1)
            #expect(host.calls(of: "sync").last == ["sync"])
        }
    }

    @Test func startsAUnitThatGaveUp() throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(), on: host)
            try Self.run(.install(Install(Sample.setup(), digest: "d", version: Sample.version)), on: host)
            try host.write("/state/k3s.active", "failed")
            try host.forgetCalls()
            try Self.run(.install(Install(Sample.setup(), digest: "d", version: Sample.version)), on: host)
            #expect(host.calls(of: "systemctl", "reset-failed").count == 1 && Self.restarts(host, "k3s"))
        }
    }

    @Test func writesTheUnitAgainAfterACutInstaller() throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(.agent), on: host)
            try Self.run(.install(Install(Sample.setup(.agent), digest: "d", version: Sample.version)), on: host)
            try host.remove("/etc/systemd/system/k3s-agent.service")
            try host.forgetCalls()
            try Self.run(.install(Install(Sample.setup(.agent), digest: "d", version: Sample.version)), on: host)
            #expect(host.calls(of: "systemd-run").count == 1 && Self.restarts(host, "k3s-agent"))
        }
    }

    /// Bytes are fetched only when they are not there, and from the release's own address.
    @Test func fetchesTheBinaryOnce() throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(), on: host)
            let urls = host.calls(of: "curl").compactMap(\.last)
            #expect(
                urls == [
                    "https://github.com/k3s-io/k3s/releases/download/v1.34.9%2Bk3s1/sha256sum-amd64.txt",
                    "https://github.com/k3s-io/k3s/releases/download/v1.34.9%2Bk3s1/k3s",
                    "https://raw.githubusercontent.com/k3s-io/k3s/v1.34.9%2Bk3s1/install.sh",
                ])
            for (expected, asked) in [(nil, 2), (sha256Hex(FakePrograms.k3s), 1)] {
                try host.forgetCalls()
                try Self.run(Sample.prepare(expected: expected), on: host)
                #expect(host.calls(of: "curl").count == asked)
            }
        }
    }

    @Test(arguments: [("tailscale0    inet 100.64.0.2/32 scope global", Int32(0)), ("tailscale0    inet 100.64.0.22/32", 1), ("", 1)])
    func waitsForTheOverlay(answer: String, status: Int32) throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(), on: host)
            try Self.run(.install(Install(Sample.setup(), digest: "d", version: Sample.version)), on: host)
            try host.write("/state/address", "3: \(answer)\n")
            let outcome = try host.run(Script(raw: HostPath.waitOverlay))
            #expect(outcome.status == status)
            #expect(outcome.stderr == (status == 0 ? "" : "the overlay has no address 100.64.0.2\n"))
        }
    }

    @Test func worksUnderAHostnameWithItsDomain() throws {
        try FakeHost.with("demo-n1.exe.xyz") { host in try Self.run(Sample.prepare(), on: host) }
    }

    /// A sudo whose `secure_path` lacks /usr/local/bin, and one that has another k3s before it.
    @Test func callsTheStagedK3sWhateverThePath() throws {
        try FakeHost.with { host in
            try host.install(["k3s": FakePrograms.k3s], in: "/usr/local/bin")
            try host.install(["k3s": "#!/bin/sh\nexit 9\n"], in: "/fake")
            let outcome = try host.run(Sample.script(.cordon(Cordon(node: "demo-n2"))))
            #expect(outcome.status == 0 && host.calls(of: "k3s", "kubectl").count == 3, "\(outcome.stderr)")
        }
    }

    @Test func doesNothingOnAnotherHost() throws {
        try FakeHost.with("stranger") { host in
            let before = host.files()
            let outcome = try host.run(Sample.script(Sample.prepare()))
            #expect(outcome.status == HostFailure.wrongHost && outcome.stderr == "this host is stranger\n")
            #expect(host.files() == before)
        }
    }

    /// A connection may end anywhere; the shell must not run part of a script.
    @Test func aCutScriptDoesNothing() throws {
        try FakeHost.with { host in
            let bytes = HostScript.addressed(Sample.script(.deleteNode(DeleteNode(node: "demo-n12", ifSilent: false))), to: "demo-n1").bytes
            { _ in "" }
            for length in stride(from: 1, to: bytes.count - 14, by: 40) { _ = try host.feed(Array(bytes.prefix(length)), .ended) }
            #expect(host.calls.isEmpty)
        }
    }

    /// dash reads 8 KiB at a time: a child that reads standard input would swallow the rest of a longer script.
    @Test func noChildEatsTheScript() throws {
        try FakeHost.with { host in
            try Self.run(Sample.prepare(), on: host)
            var setup = Sample.setup()
            setup.extra["kubelet-arg"] = .list((0..<2000).map { "argument-\($0)" })
            try Self.run(.install(Install(setup, digest: "d", version: Sample.version)), on: host)
            #expect(host.read(HostPath.config) == setup.configFile())
            #expect(Self.restarts(host, "k3s"))
        }
    }
}
