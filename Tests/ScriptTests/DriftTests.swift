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

    @Test func anotherCommentIsNoEdit() throws {
        try Self.with(.server) { host in
            let good = try ReadingTests.probe(host).configHash
            try Self.append("# a later release says more here\n", to: HostPath.config, on: host)
            #expect(try ReadingTests.probe(host).configHash == good)
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
                #expect(SetupTests.restarts(host, role.unit), "\(file)")
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
        ("/etc/default/k3s-agent", "K3S_DEBUG=true\n", true), ("/etc/default/k3s-agent", "HTTPS_PROXY=http://proxy\n", false),
    ]

    @Test(arguments: foreign) func filesBesideOursAreNamed(file: String, text: String, isForeign: Bool) throws {
        try Self.with(.agent) { host in
            try host.write(file, text)
            #expect(try ReadingTests.probe(host).foreignFiles == (isForeign ? [file] : []))
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
