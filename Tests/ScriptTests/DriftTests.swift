import Digest
import FleetCore
import K3s
import Shell
import Testing

/// What somebody changes on a host is seen by the probe, and put right by the same install.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct DriftTests {
    private static func install(_ role: Role) -> Action { .install(Install(Sample.setup(role), digest: "d", version: Sample.version)) }

    private static func with(_ role: Role, _ body: (FakeHost) throws -> Void) throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(role), install(role)] { try SetupTests.run(order, on: host) }
            try host.write("/state/\(role.unit).active", "active")
            try host.forgetCalls()
            try body(host)
        }
    }

    private static func append(_ text: String, to path: String, on host: FakeHost) throws {
        let state = try #require(host.state(path), "there is no \(path)")
        try host.write(path, (state.text ?? "") + text, mode: Int(state.mode))
    }

    private static func files(_ role: Role) -> [String] {
        let unit = "/etc/systemd/system/\(role.unit).service"
        return [unit, unit + ".env", unit + ".d/10-exedev.conf", HostPath.waitOverlay, HostPath.agentToken]
            + (role == .server ? [HostPath.token] : [])
    }

    @Test(arguments: Role.allCases) func anEditedConfigurationIsPutBack(role: Role) throws {
        try Self.with(role) { host in
            let good = try ReadingTests.probe(host).configHash
            try Self.append("debug: true\n", to: HostPath.config, on: host)
            #expect(try ReadingTests.probe(host).configHash != good)
            try SetupTests.run(Self.install(role), on: host)
            #expect(SetupTests.restarts(host, role.unit))
            #expect(try ReadingTests.probe(host).configHash == good)
        }
    }

    /// Nor a reason to start k3s again: when the file is written for another reason it goes.
    @Test(arguments: Role.allCases) func anotherCommentIsNoEdit(role: Role) throws {
        try Self.with(role) { host in
            try Self.start(host)
            let (good, file) = (try ReadingTests.probe(host).configHash, host.read(HostPath.config))
            try Self.append("# a later release says more here\n\n  # and here\n", to: HostPath.config, on: host)
            let probe = try ReadingTests.probe(host)
            #expect(probe.configHash == good && !probe.isOutdated)
            try SetupTests.run(Self.install(role), on: host)
            #expect(host.calls(of: "systemctl", "restart").isEmpty && host.read(HostPath.config) == file)
            #expect(try !ReadingTests.probe(host).isOutdated)
        }
    }

    /// Taints count when a node first registers (facts/k3s.md §7): what is written for then changes nothing now.
    @Test(arguments: Role.allCases) func otherTaintsAreWrittenWithoutARestart(role: Role) throws {
        try Self.with(role) { host in
            try Self.start(host)
            let before = try ReadingTests.probe(host)
            for taints in [[], [Taint(key: "a", value: "", effect: .noExecute), Taint(key: "b", value: "c", effect: .noSchedule)]] {
                var setup = Sample.setup(role)
                setup.taints = taints
                try SetupTests.run(.install(Install(setup, digest: "d", version: Sample.version)), on: host)
                #expect(host.calls(of: "systemctl", "restart").isEmpty && host.read(HostPath.config) == setup.configFile())
                let probe = try ReadingTests.probe(host)
                #expect(probe.configHash == sha256Hex(setup.settings) && probe.configHash != before.configHash)
                #expect(probe.settingsHash == sha256Hex(setup.lastingSettings) && probe.settingsHash == before.settingsHash)
                #expect(!probe.isOutdated)
            }
            try Self.append("debug: true\n", to: HostPath.config, on: host)
            #expect(try ReadingTests.probe(host).settingsHash != before.settingsHash)
        }
    }

    /// What others may read or write is as good as changed; k3s takes nothing else from it.
    @Test(arguments: Role.allCases) func modeAndOwnerOfSecretsAreWatched(role: Role) throws {
        try Self.with(role) { host in
            let files = [HostPath.config, HostPath.agentToken] + (role == .server ? [HostPath.token] : [])
            for (file, change) in files.flatMap({ file in ["chmod 644", "chown 7:7"].map { (file, $0) } }) {
                _ = try host.run("\(raw: change) \(file)")
                #expect(try ReadingTests.probe(host).changedFiles == [file], "\(change)")
                try host.forgetCalls()
                try SetupTests.run(Self.install(role), on: host)
                #expect(try ReadingTests.probe(host).changedFiles == [] && host.state(file)?.mode == 0o600)
                #expect(host.calls(of: "systemctl", "restart").isEmpty)
            }
        }
    }

    /// systemd runs what it has read, whatever is on the disk by now.
    @Test(arguments: Role.allCases) func argumentsThatSystemdStillHasAreSeen(role: Role) throws {
        try Self.with(role) { host in
            try Self.start(host)
            let unit = "/etc/systemd/system/\(role.unit).service"
            let good = try #require(host.read(unit))
            #expect(try !ReadingTests.probe(host).isOutdated)
            try host.write(unit, good.replacing("k3s \(role)", with: "k3s \(role) --v=9"))
            _ = try host.run("systemctl daemon-reload")
            try host.write(unit, good)
            #expect(try ReadingTests.probe(host).isOutdated)
            try host.forgetCalls()
            try SetupTests.run(Self.install(role), on: host)
            #expect(SetupTests.restarts(host, role.unit))
            #expect(try !ReadingTests.probe(host).isOutdated)
        }
    }

    /// A file of others that was there when k3s started and is gone now.
    @Test(arguments: [
        "/etc/default/k3s-agent", "/etc/systemd/system/service.d/x.conf", "/usr/local/lib/systemd/system/k3s-.service.d/x.conf",
        "/etc/rancher/k3s/config.yaml.d/x.yaml",
    ])
    func argumentsOfAFileThatIsGoneAreSeen(file: String) throws {
        try Self.with(.agent) { host in
            try host.write(file, file.hasSuffix("conf") ? "[Service]\nEnvironment=K3S_DEBUG=true\n" : "K3S_DEBUG=true\n")
            _ = try host.run("systemctl daemon-reload")
            try Self.start(host)
            #expect(try !ReadingTests.probe(host).isOutdated)
            try host.remove(file)
            #expect(try ReadingTests.probe(host).isOutdated)
        }
    }

    /// As an earlier release noted it: the digests of the bytes.
    @Test func whatAnEarlierReleaseNotedIsUnderstood() throws {
        try Self.with(.agent) { host in
            _ = try host.run("sha256sum \(HostPath.config) /etc/systemd/system/k3s-agent.service >\(HostPath.started)")
            #expect(try !ReadingTests.probe(host).isOutdated)
            try Self.append("debug: true\n", to: HostPath.config, on: host)
            #expect(try ReadingTests.probe(host).isOutdated)
        }
    }

    @Test(arguments: Role.allCases) func everyFileOfOursIsWatched(role: Role) throws {
        try Self.with(role) { host in
            for file in Self.files(role) {
                let before = host.read(file)
                try Self.append("\n", to: file, on: host)
                #expect(try ReadingTests.probe(host).changedFiles == [file])
                try host.remove(file)
                #expect(try ReadingTests.probe(host).changedFiles == [file])
                try host.forgetCalls()
                try SetupTests.run(Self.install(role), on: host)
                // Our script is run at the next start.
                #expect(SetupTests.restarts(host, role.unit) == (file != HostPath.waitOverlay), "\(file)")
                #expect(try ReadingTests.probe(host).changedFiles == [])
                #expect(host.read(file) == before, "\(file)")
                try host.write("/state/\(role.unit).active", "active")
            }
        }
    }

    /// The unit's own `ExecStartPre` notes what k3s starts with.
    private static func start(_ host: FakeHost) throws {
        try host.write("/state/address", "inet 100.64.0.2/32 ")
        #expect(try host.run("\(HostPath.waitOverlay)").status == 0)
    }

    @Test func k3sThatRunsWithOtherFilesIsStartedAgain() throws {
        try Self.with(.agent) { host in
            try Self.start(host)
            #expect(try !ReadingTests.probe(host).isOutdated)
            let good = try #require(host.read(HostPath.config))
            try host.write(HostPath.config, good + "debug: true\n")
            try Self.start(host)
            try host.write(HostPath.config, good)
            #expect(try ReadingTests.probe(host).isOutdated)
            try SetupTests.run(Self.install(.agent), on: host)
            #expect(SetupTests.restarts(host, "k3s-agent"))
            // It is starting.
            #expect(try !ReadingTests.probe(host).isOutdated)
            try Self.start(host)
            #expect(try !ReadingTests.probe(host).isOutdated)
        }
    }

    private static let foreign: [(file: String, text: String, isForeign: Bool)] = [
        ("/etc/rancher/k3s/config.yaml.d/a.yaml", "debug: true\n", true), ("/etc/rancher/k3s/config.yaml.d/a.yml", "", true),
        ("/etc/rancher/k3s/config.yaml.d/a.bak", "debug: true\n", false),
        ("/etc/systemd/system/k3s-agent.service.d/x.conf", "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s agent --v=9\n", true),
        ("/run/systemd/system/k3s-agent.service.d/x.conf", "[Service]\nEnvironment=K3S_DEBUG=true\n", true),
        ("/etc/systemd/system/k3s-agent.service.d/x.conf", "[Service]\nLimitNOFILE=99\n", false),
        ("/etc/systemd/system/service.d/x.conf", "[Service]\nEnvironmentFile=/x\n", true),
        ("/usr/local/lib/systemd/system/service.d/x.conf", "[Service]\nEnvironment=K3S_DEBUG=true\n", true),
        ("/usr/local/lib/systemd/system/service.d/10-timeout.conf", "[Service]\nTimeoutStopFailureMode=abort\n", false),
        ("/run/systemd/system/k3s-.service.d/x.conf", "[Service]\n ExecStart = /usr/local/bin/k3s agent --v=9\n", true),
        ("/etc/systemd/system/service.d/x.conf", "[Service]\n# Environment=K3S_DEBUG=true\n;K3S_\nEnvironment=LANG=C\n", false),
        ("/etc/systemd/system/k3s-agent.service.d/x.conf", "[Service]\nEnvironment=LANG=C \\\n  K3S_DEBUG=true\n", true),
        ("/etc/default/k3s-agent", "K3S_DEBUG=true\n", true), ("/etc/default/k3s-agent", "HTTPS_PROXY=http://proxy\n", false),
    ]

    @Test(arguments: foreign) func filesBesideOursAreNamed(file: String, text: String, isForeign: Bool) throws {
        try Self.with(.agent) { host in
            try host.write(file, text)
            // Before systemd has read it, too: our own repair makes it do so.
            if !file.contains("/service.d/"), !file.contains("/k3s-.service.d/") {
                #expect(try ReadingTests.probe(host).foreignFiles == (isForeign ? [file] : []))
            }
            _ = try host.run("systemctl daemon-reload")
            #expect(try ReadingTests.probe(host).foreignFiles == (isForeign ? [file] : []))
        }
    }

    /// One that runs goes on; one that was stopped is started.
    @Test(arguments: Role.allCases, ["active", "inactive", "failed"])
    func aDisabledUnitIsEnabled(role: Role, state: String) throws {
        try Self.with(role) { host in
            try host.write("/state/\(role.unit).active", state)
            try host.remove("/state/\(role.unit).enabled")
            #expect(try ReadingTests.probe(host).isHalted(role))
            try SetupTests.run(Self.install(role), on: host)
            #expect(host.calls(of: "systemctl", "restart").isEmpty == (state == "active") && host.calls(of: "systemd-run").isEmpty)
            #expect(try !ReadingTests.probe(host).isHalted(role))
        }
    }

    @Test func variablesOfSystemdItselfAreNamed() throws {
        try Self.with(.agent) { host in
            try host.write("/state/systemctl-show-environment.out", "LANG=C\nK3S_DEBUG=true\n")
            #expect(try ReadingTests.probe(host).foreignFiles == ["systemctl show-environment"])
        }
    }

    /// Of a host that an earlier release set up nothing is known but the configuration: that is no drift.
    @Test func aHostWithoutChecksumsIsLeftAlone() throws {
        try Self.with(.agent) { host in
            try host.remove(HostPath.written)
            let probe = try ReadingTests.probe(host)
            #expect(probe.changedFiles == [] && !probe.isOutdated)
        }
    }
}
