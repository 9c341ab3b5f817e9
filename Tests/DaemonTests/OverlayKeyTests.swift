import FleetCore
import Foundation
import K3s
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
