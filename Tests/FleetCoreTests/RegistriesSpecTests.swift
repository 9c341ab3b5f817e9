import K3s
import Testing

@testable import FleetCore

@Suite struct RegistriesSpecTests {
    @Test func readsMirrorsAndLogins() throws {
        let text = FleetText(
            more: """
                registries: {
                    mirrors: {'docker.io': {endpoints: ['https://m.example/v2'], rewrites: {'^a': 'b'}}, '*': {}},
                    configs: {'m.example:5000': {auth: {username: 'me', password: {env: 'PW'}}, tls: {ca: {file: 'ca.pem'}}}}}
                """)
        #expect(told(text) == [])
        let cluster = try #require(FleetFile.parse("\(text)", file: "f").fleet).cluster
        #expect(
            cluster.registries
                == Registries(
                    mirrors: [
                        "docker.io": .init(endpoints: ["https://m.example/v2"], rewrites: ["^a": "b"]),
                        "*": .init(endpoints: [], rewrites: [:]),
                    ], configs: ["m.example:5000": .init(username: "me", secrets: [.password, .ca], skipsVerification: false)]))
        #expect(
            cluster.registrySecrets == [
                .registry("m.example:5000", .password): .environment("PW"), .registry("m.example:5000", .ca): .file("ca.pem"),
            ])
    }

    @Test(arguments: [
        ("mirrors: {'a b': {}}", #"cluster.registries.mirrors.a b: is no registry such as "docker.io", nor "*""#),
        (
            "mirrors: {a: {endpoints: ['m.example']}}",
            #"cluster.registries.mirrors.a.endpoints[0]: "m.example" is no URL of a server, such as "https://mirror.example""#
        ),
        ("configs: {'*': {}}", #"cluster.registries.configs.*: is no host such as "registry.example:5000""#),
        (
            "configs: {a: {auth: {username: 'me', password: 'secret'}}}",
            #"cluster.registries.configs.a.auth.password: secrets never stand in the file: write {env: "NAME"} or {file: "path"}"#
        ),
        ("configs: {a: {auth: {username: 'me'}}}", "cluster.registries.configs.a.auth: username and password belong together"),
        ("configs: {a: {tls: {cert: {env: 'C'}}}}", "cluster.registries.configs.a.tls: cert and key belong together"),
    ])
    func refuses(text: String, words: String) { #expect(told(FleetText(more: "registries: {\(text)}")) == ["4 \(words)"]) }

    /// Nothing of a fleet without registries changes.
    @Test func aChangeIsOneOfTheConfiguration() {
        var setup = Self.setup
        let before = setup.meaning
        #expect(!before.contains("registr") && !before.contains("secrets"))
        setup.registries = Registries(mirrors: ["docker.io": .init(endpoints: ["https://m"], rewrites: [:])])
        let with = setup.meaning
        setup.registrySecrets = "another password"
        #expect(Set([before, with, setup.meaning]).count == 3)
    }

    private static let setup = NodeSetup(
        name: "a", role: .agent, clusterName: "demo", clusterID: "c1", overlayInterface: "tailscale0", overlayAddress: "100.64.0.2",
        clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16", disable: [], extra: [:], serverAddress: "100.64.0.1", caHash: "ab",
        taints: [])
}
