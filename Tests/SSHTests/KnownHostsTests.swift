import Foundation
import SSH
import Testing

@Suite struct KnownHostsTests {
    static let key = Array(Data(base64Encoded: "AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")!)
    static let other = Array(key.dropLast() + [1])
    static let text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 comment"

    @Test(arguments: [
        ("web.exe.xyz \(text)", KnownHosts.Verdict.match),
        ("*.exe.xyz \(text)", .match),
        ("w?b.exe.xyz,other \(text)", .match),
        ("*.exe.xyz,!web.exe.xyz \(text)", .unknown),
        ("[web.exe.xyz]:2222 \(text)", .unknown),
        ("# web.exe.xyz \(text)", .unknown),
        ("@revoked * \(text)\nweb.exe.xyz \(text)", .revoked),
        ("@cert-authority * \(text)", .unknown),
        ("", .unknown),
    ])
    func judges(file: String, verdict: KnownHosts.Verdict) {
        #expect(KnownHosts(file).verdict(host: "web.exe.xyz", port: 22, key: Self.key) == verdict)
    }

    /// The proxy in front of a VM has one key and one name, whatever the VM's name and port are.
    @Test(arguments: [
        ("exe.dev \(text)", KnownHosts.Verdict.match),
        ("exe.dev,203.0.113.7 \(text)", .match),
        ("web.exe.xyz ssh-ed25519 \(Data(other).base64EncodedString())\nexe.dev \(text)", .match),
        ("exe.dev ssh-ed25519 \(Data(other).base64EncodedString())", .mismatch(expected: fingerprint(other))),
        ("@revoked exe.dev \(text)\nweb.exe.xyz \(text)", .revoked),
        ("[exe.dev]:2222 \(text)", .unknown),
    ])
    func theProxyVouchesForItsVMs(file: String, verdict: KnownHosts.Verdict) {
        let known = KnownHosts(file)
        for port in [22, 2222] { #expect(known.verdict(host: "web.exe.xyz", port: port, alias: "exe.dev", key: Self.key) == verdict) }
        #expect(known.keyTypes(host: "web.exe.xyz", port: 22, alias: "exe.dev").contains("ssh-ed25519") == (verdict != .unknown))
    }

    @Test func anotherKeyIsAMismatch() {
        #expect(
            KnownHosts("web.exe.xyz " + Self.text).verdict(host: "web.exe.xyz", port: 22, key: Self.other)
                == .mismatch(expected: fingerprint(Self.key)))
    }

    @Test func readsHashedNames() throws {
        let file = NSTemporaryDirectory() + "known-" + UUID().uuidString
        defer { for suffix in ["", ".old"] { try? FileManager.default.removeItem(atPath: file + suffix) } }
        try "web.exe.xyz \(Self.text)\n[web.exe.xyz]:2222 \(Self.text)\n".write(toFile: file, atomically: true, encoding: .utf8)
        try RealSSHD.run("/usr/bin/ssh-keygen", ["-q", "-H", "-f", file])
        let known = KnownHosts(try String(contentsOfFile: file, encoding: .utf8))
        #expect(known.verdict(host: "web.exe.xyz", port: 22, key: Self.key) == .match)
        #expect(known.verdict(host: "web.exe.xyz", port: 2222, key: Self.key) == .match)
        #expect(known.verdict(host: "db.exe.xyz", port: 22, key: Self.key) == .unknown)
    }
}
