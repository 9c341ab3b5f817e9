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
