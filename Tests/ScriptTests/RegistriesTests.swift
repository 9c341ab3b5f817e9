import Digest
import FleetCore
import Foundation
import K3s
import Shell
import Testing

/// `registries.yaml` on a host.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct RegistriesTests {
    private static let registries = Registries(
        mirrors: [
            "docker.io": .init(endpoints: ["https://mirror.example"], rewrites: ["^rancher/(.*)": #"mirror\rancher/$1"#]),
            "*": .init(endpoints: [], rewrites: [:]),
        ],
        configs: [
            "mirror.example:5000": .init(username: hostile, secrets: [.password, .ca, .key, .cert], skipsVerification: false),
            "plain.example": .init(username: nil, secrets: [.token], skipsVerification: true),
        ])

    private static let password = #"ddPASSWORDdd "'\ $HOME `id` %s: {#"#
    private static let key = "-----BEGIN KEY-----\neeKEYee'\"$\n-----END KEY-----\n"

    private static func install(
        _ registries: Registries?, password: String = password, on host: FakeHost
    ) throws -> FakeHost.Outcome {
        var setup = Sample.setup(.agent)
        setup.registries = registries
        let step = Install(setup, digest: "d", version: Sample.version)
        let script = HostScript.addressed(Sample.script(.install(step)), to: "demo-n1")
        let bytes = script.bytes { name in
            guard let kind = name.registrySecret else { return Secrets.values[name]! }
            return Registries.spelled(kind == .password ? password : kind == .token ? "a-token" : key, kind)
        }
        try host.forgetCalls()
        let outcome = try host.feed(bytes)
        try #require(outcome.status == 0, "\(outcome.stderr)")
        return outcome
    }

    private static func with(_ body: (FakeHost) throws -> Void) throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(.agent), on: host)
            _ = try install(nil, on: host)
            try host.write("/state/k3s-agent.active", "active")
            try body(host)
        }
    }

    private static func isRestarted(_ host: FakeHost) -> Bool { !host.calls(of: "systemctl", "restart").isEmpty }

    /// JSON is YAML, and its quotes are those of the file.
    private static func quoted(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self).replacing("\\/", with: "/")
    }

    @Test func isWrittenWithItsSecrets() throws {
        try Self.with { host in
            _ = try Self.install(Self.registries, on: host)
            let folder = "/etc/rancher/exedev/registries/mirror.example_5000"
            #expect(
                host.read(HostPath.registries) == """
                    # Written by exedev-k8s; changes made here are undone.
                    mirrors:
                      "*":
                        endpoint: []
                      "docker.io":
                        endpoint: ["https://mirror.example"]
                        rewrite:
                          "^rancher/(.*)": "mirror\\\\rancher/$1"
                    configs:
                      "mirror.example:5000":
                        auth:
                          username: \(try Self.quoted(hostile))
                          password: \(try Self.quoted(Self.password))
                        tls:
                          ca_file: "\(folder)-ca.pem"
                          cert_file: "\(folder)-cert.pem"
                          key_file: "\(folder)-key.pem"
                      "plain.example":
                        auth:
                          identity_token: "a-token"
                        tls:
                          insecure_skip_verify: true

                    """)
            for file in [HostPath.registries] + ["ca", "cert", "key"].map({ "\(folder)-\($0).pem" }) {
                #expect(host.state(file)?.mode == 0o600, "\(file)")
            }
            #expect(host.read("\(folder)-key.pem") == Self.key && Self.isRestarted(host))
            #expect(!host.files().keys.contains { $0.hasSuffix("new") })
        }
    }

    @Test func restartsK3sWhenAnythingOfItChanged() throws {
        try Self.with { host in
            _ = try Self.install(Self.registries, on: host)
            _ = try Self.install(Self.registries, on: host)
            #expect(!Self.isRestarted(host))
            _ = try Self.install(Self.registries, password: "another", on: host)
            #expect(Self.isRestarted(host))
            _ = try Self.install(nil, on: host)
            #expect(Self.isRestarted(host) && host.files().keys.filter { $0.contains("registries") }.isEmpty)
            _ = try Self.install(nil, on: host)
            #expect(!Self.isRestarted(host))
        }
    }

    private static let pem = "/etc/rancher/exedev/registries/mirror.example_5000-key.pem"

    /// As the rest of k3s's configuration. No digest of a secret leaves the host.
    @Test(arguments: [HostPath.registries, pem], ["echo 'x: 1' >>", "rm", "chmod 644", "chown 7:7"])
    func isWatchedAndPutBack(file: String, change: String) throws {
        try Self.with { host in
            _ = try Self.install(Self.registries, on: host)
            try host.write("/state/k3s-agent.active", "active")
            let before = host.state(file)
            #expect(try ReadingTests.probe(host).changedFiles == [])
            _ = try host.run("\(raw: change) \(file)")
            #expect(try ReadingTests.probe(host).changedFiles == [file])
            let answer = try host.run(HostScript.probe()).stdout
            for secret in [Self.key, Self.password] { #expect(!answer.contains(secret) && !answer.contains(sha256Hex(secret))) }
            _ = try Self.install(Self.registries, on: host)
            #expect(try ReadingTests.probe(host).changedFiles == [])
            #expect(host.state(file)?.mode == 0o600 && host.state(file)?.text == before?.text)
            #expect(Self.isRestarted(host) == !change.hasPrefix("ch"))
        }
    }

    @Test func isReadWhenK3sStarts() throws {
        try Self.with { host in
            _ = try Self.install(Self.registries, on: host)
            try host.write("/state/k3s-agent.active", "active")
            let good = try #require(host.read(HostPath.registries))
            try host.write(HostPath.registries, good + "x: 1\n", mode: 0o600)
            try host.write("/state/address", "inet 100.64.0.2/32 ")
            #expect(try host.run("\(HostPath.waitOverlay)").status == 0)
            try host.write(HostPath.registries, good + "# a word\n", mode: 0o600)
            #expect(try ReadingTests.probe(host).isOutdated)
        }
    }

    @Test func filesOfARegistryThatLeftAreRemoved() throws {
        try Self.with { host in
            _ = try Self.install(Self.registries, on: host)
            var fewer = Self.registries
            fewer.configs["mirror.example:5000"]?.secrets = [.ca]
            _ = try Self.install(fewer, on: host)
            #expect(Self.isRestarted(host) && host.files().keys.filter { $0.hasSuffix("pem") }.map { $0.suffix(6) } == ["ca.pem"])
            #expect(try ReadingTests.probe(host).changedFiles == [])
            try host.remove(HostPath.registries)
            _ = try Self.install(nil, on: host)
            #expect(host.files().keys.filter { $0.contains("registries") }.isEmpty)
            #expect(try ReadingTests.probe(host).changedFiles == [])
        }
    }

    @Test func leavesSomebodyElsesFileWhenNoneIsAskedFor() throws {
        try Self.with { host in
            try host.write(HostPath.registries, "mirrors:\n")
            _ = try Self.install(nil, on: host)
            #expect(host.read(HostPath.registries) == "mirrors:\n" && !Self.isRestarted(host))
        }
    }

    @Test func nobodySeesTheSecrets() throws {
        try Self.with { host in
            let outcome = try Self.install(Self.registries, on: host)
            let seen = try ["calls", "environ"].map { try #require(host.read("/log/\($0)")) } + [outcome.stdout, outcome.stderr]
            for fragment in ["ddPASSWORDdd", "eeKEYee"] { #expect(seen.allSatisfy { !$0.contains(fragment) }) }
            var setup = Sample.setup(.agent)
            setup.registries = Self.registries
            let shown = Sample.script(.install(Install(setup, digest: "d", version: Sample.version))).shown
            #expect(shown.contains("<secret registry/mirror.example:5000/password>") && !setup.meaning.contains("PASSWORD"))
        }
    }
}
