import ExeDev
import FleetCore
import Foundation
import K3s
import Shell
import Testing

@testable import Live

/// What is known of the key before any host exists.
@Suite struct OverlayKeyTests {
    private static func key(_ value: String?, tags: [String] = []) -> OverlayKey {
        OverlayKey(
            overlay: .tailscale(authKey: .environment("KEY"), OverlayLogin(tags: tags)), folder: "/nowhere",
            environment: value.map { ["KEY": $0] } ?? [:])
    }

    @Test(
        arguments: [
            (nil, [], "the environment variable KEY is not set"), ("", [], "the environment variable KEY is not set"),
            ("tskey-auth-x", [], nil), ("hskey-auth-x", [], nil), ("tskey-client-x", ["tag:k3s"], nil),
            ("tskey-client-x", [], "cluster.network.authKey is an OAuth client secret, which joins no machine without tags"),
            ("tskey-api-x", ["tag:k3s"], "cluster.network.authKey is an API access token, which joins no machine"),
        ] as [(String?, [String], String?)])
    func isJudgedBeforeAnythingIsCreated(value: String?, tags: [String], problem: String?) {
        let told = Self.key(value, tags: tags).problem
        #expect(told?.text == problem)
        #expect(told.map { $0.code == .credentialMissing && !$0.advice.isEmpty } ?? true)
    }

    @Test func readsTheFirstLineOfAFile() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/overlay-key-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let key = OverlayKey(overlay: .tailscale(authKey: .file("ts.key")), folder: folder, environment: [:])
        #expect(key.problem?.text == "there is no file \(folder)/ts.key")
        try "\n".write(toFile: folder + "/ts.key", atomically: true, encoding: .utf8)
        #expect(key.problem?.text == "the file \(folder)/ts.key is empty")
        try "tskey-auth-x\nmore\n".write(toFile: folder + "/ts.key", atomically: true, encoding: .utf8)
        #expect(try key.read() == "tskey-auth-x" && key.problem == nil)
    }

    @Test func warnsOfAKeyThatEnds() throws {
        let remark = try #require(Self.key("tskey-auth-secret").remark)
        #expect(remark.contains("90 days") && !remark.contains("secret-") && !remark.contains("tskey-auth-secret"))
        #expect(
            Self.key("tskey-client-x", tags: ["tag:a"]).remark == nil && Self.key("hskey-x").remark == nil && Self.key(nil).remark == nil)
        #expect(Self.key("tskey-client-x").remark?.contains("set cluster.network.tags") == true)
    }
}

/// Those of `cluster.registries`.
@Suite struct RegistrySecretTests {
    private static func secrets(_ environment: [String: String], in folder: String) throws -> Secrets {
        let token = try ExeDevToken.load(environment: ["EXE_DEV_API_KEY": "exe1.token"], file: nil, credentialsDirectory: nil)
        return Secrets(
            state: try StateDirectory(base: folder, cluster: "demo"),
            overlayKey: OverlayKey(overlay: .tailscale(authKey: .environment("KEY")), folder: folder, environment: environment),
            registries: [.registry("m", .password): .environment("PW"), .registry("m", .ca): .file("ca.pem")], token: token)
    }

    @Test func areReadWhenTheyAreSent() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/registry-secrets-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let missing = try Self.secrets(["KEY": "k", "PW": "p"], in: folder).credentials(mayWrite: false)
        #expect(missing.registries == nil && missing.missing?.text == "there is no file \(folder)/ca.pem")
        try "-----\nca\n".write(toFile: folder + "/ca.pem", atomically: true, encoding: .utf8)
        let secrets = try Self.secrets(["KEY": "k", "PW": #"p"w-long-enough"#], in: folder)
        #expect(try secrets.reveal(.registry("m", .password)) == #""p\"w-long-enough""#)
        #expect(try secrets.reveal(.registry("m", .ca)) == "-----\nca\n")
        #expect(secrets.redaction.text(Array(#"said p"w-long-enough"#.utf8)) == "said <secret registry/m/password>")
        let rotated = try Self.secrets(["KEY": "k", "PW": "the-next-password"], in: folder)
        #expect(
            rotated.redaction.text(Array(#"p"w-long-enough, the-next-password"#.utf8))
                == "<secret registry/m/password>, <secret registry/m/password>", "the host may hold the one of before")
        // Who only reads makes no key, which another process would make too.
        let keys = folder + "/demo/\(SecretName.registriesKey.rawValue)"
        #expect(secrets.credentials(mayWrite: false).registries != nil && !FileManager.default.fileExists(atPath: keys))
        let (known, same) = (
            secrets.credentials(mayWrite: true),
            try Self.secrets(["KEY": "k", "PW": #"p"w-long-enough"#], in: folder).credentials(mayWrite: true)
        )
        #expect(secrets.credentials(mayWrite: false) == known)
        #expect(known.missing == nil && known.registries != nil && known == same)
        #expect(try Self.secrets(["KEY": "k", "PW": "other"], in: folder).credentials(mayWrite: true).registries != known.registries)
    }
}
