import Foundation
import SSH
import TestSupport
import Testing

/// Which key of which file and agent is used, and what is said of those that are not.
@Suite(.serialized) struct KeyTests {
    static let passphrase = "correct-horse"

    private static func complaint(_ file: String, agent: [UserKey] = []) -> String? {
        do throws(KeyError) {
            _ = try UserKey.file(file, agent: agent)
            return nil
        } catch {
            return error.description
        }
    }

    /// Keys of other formats are named as what they are, with the command that converts them.
    @Test(arguments: [
        ("rsa", ["-m", "PEM"], "is an RSA key in the older PEM format; rewrite it in OpenSSH's with: ssh-keygen -p -f "),
        ("ecdsa", ["-m", "PEM"], "is an ECDSA key in the older PEM format; rewrite it in OpenSSH's with: ssh-keygen -p -f "),
        ("rsa", ["-m", "PKCS8"], "is a key (PKCS #8) in the older PEM format; rewrite it in OpenSSH's with: ssh-keygen -p -f "),
    ])
    func namesOtherFormats(type: String, options: [String], words: String) throws {
        let sshd = try RealSSHD()
        try sshd.makeKey("old", type, options: options)
        let file = sshd.folder + "/old"
        #expect(Self.complaint(file) == "\(file) \(words)\(file)")
        // The command does what the message says.
        try RealSSHD.run("/usr/bin/ssh-keygen", ["-q", "-p", "-P", "", "-N", "", "-f", file])
        #expect(Self.complaint(file) == nil)
    }

    @Test(arguments: [
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "is a key of PuTTY; convert it with: puttygen"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", "is a public key in the form of RFC 4716"),
        ("hello\n", "is no SSH key"), ("", "is no SSH key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "it is damaged"),
        (
            "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AAAABHNzaDo= me",
            "is a key of the kind sk-ssh-ed25519@openssh.com, which cannot be used here"
        ),
    ])
    func namesWhatIsNoUsableKey(text: String, words: String) throws {
        let file = NSTemporaryDirectory() + "key-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(
            Self.complaint(file)?.hasPrefix(file) == true && Self.complaint(file)?.contains(words) == true, "\(Self.complaint(file) ?? "-")"
        )
    }

    @Test func saysWhyAFileCannotBeRead() {
        #expect(Self.complaint("/nowhere/id") == "cannot read the SSH key /nowhere/id: No such file or directory")
        #expect(Self.complaint("/usr") == "cannot read the SSH key: /usr is no regular file")
    }

    /// A `.pub` file and a key under a passphrase name one key of the agent, and that one alone is used.
    @Test(arguments: ["user.pub", "user", "locked", "locked.pub", "pem"])
    func takesTheNamedKeyOfTheAgent(name: String) async throws {
        let sshd = try RealSSHD()
        for key in ["other", "another"] { try sshd.makeKey(key) }
        try sshd.makeKey("locked", passphrase: Self.passphrase)
        try sshd.makeKey("pem", "rsa", passphrase: Self.passphrase, options: ["-m", "PEM"])
        let file = "\(sshd.folder)/\(name)"
        if name != "user" { #expect(Self.complaint(file) != nil, "no agent holds it") }
        try await AgentTests.withAgent(sshd, adding: ["other", "another", "locked", "pem", "user"]) { socket in
            let agent = try SSHAgent.keys(socket: socket).usable
            #expect(agent.count == 5)
            let key = try UserKey.file(file, agent: agent)
            let half = try UserKey.file(file.hasSuffix(".pub") ? file : file + ".pub", agent: agent)
            #expect(key.publicFingerprint == half.publicFingerprint)
            try Data(contentsOf: URL(fileURLWithPath: file.replacing(".pub", with: "") + ".pub")).write(
                to: URL(fileURLWithPath: sshd.folder + "/user.pub"))
            let client = SSHClient(loop: SSHLoop(), keys: [key], hostKeys: try sshd.knownHosts(), connectsPerMinute: 600)
            #expect(try await client.sh(sshd.target, "echo well").stdout == Array("well\n".utf8))
            await client.closeAll()
        }
    }

    @Test func saysThatTheAgentLacksTheNamedKey() throws {
        let sshd = try RealSSHD()
        try sshd.makeKey("locked", passphrase: Self.passphrase)
        for (name, what) in [("locked", "has a passphrase"), ("user.pub", "is a public key")] {
            let words = Self.complaint("\(sshd.folder)/\(name)") ?? ""
            #expect(words.contains(what) && words.contains("SHA256:") && words.contains("ssh-add"), "\(words)")
        }
    }

    /// The key that is registered may be any of them.
    @Test func offersAllItHas() async throws {
        let sshd = try RealSSHD()
        for number in 0..<4 { try sshd.makeKey("k\(number)") }
        let keys = try ["k0", "k1", "k2", "k3", "user"].map { try UserKey.file("\(sshd.folder)/\($0)") }
        let client = SSHClient(loop: SSHLoop(), keys: keys, hostKeys: try sshd.knownHosts(), connectsPerMinute: 600)
        #expect(try await client.sh(sshd.target, "echo well").stdout == Array("well\n".utf8))
        await client.closeAll()
    }

    /// The host's own words name what it was offered, also when it ended the connection before it had seen every key.
    @Test(arguments: [(6, 5), (2, 2)])
    func saysWhatWasOffered(tries: Int, offered: Int) async throws {
        let sshd = try RealSSHD(options: "MaxAuthTries \(tries)")
        for number in 0..<5 { try sshd.makeKey("k\(number)", number == 0 ? "ecdsa-384" : "ed25519") }
        let keys = try (0..<5).map { try UserKey.file("\(sshd.folder)/k\($0)") }
        let ring = KeyRing(keys, unused: ["a key that was not"])
        let client = SSHClient(
            loop: SSHLoop(), access: SSHAccess(keys: ring, hostKeys: try sshd.knownHosts()), connectsPerMinute: 600)
        let error = await #expect(throws: SSHError.self) { try await client.sh(sshd.target, "true") }
        guard case .authenticationRefused(_, _, let named, let unused)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(named == Array(keys.map(\.words).prefix(offered)) && unused == ring.unused)
        #expect(named[0].hasPrefix("ECDSA SHA256:") && named[0].hasSuffix("(\(sshd.folder)/k0)"))
        #expect("\(error!)".contains("; not offered: a key that was not"))
    }

    /// As many as sshd suffers, as `ssh` orders them.
    @Test func choosesWhatItOffers() throws {
        let sshd = try RealSSHD()
        for number in 0..<8 { try sshd.makeKey("k\(number)") }
        let all = try (0..<8).map { try UserKey.file("\(sshd.folder)/k\($0)") }
        func order(agent: [Int], files: [Int]) -> ([Int], Int) {
            let ring = KeyRing(agent: agent.map { all[$0] }, files: files.map { all[$0] }, unused: [])
            let found = ring.keys.map { key in all.firstIndex { $0.publicFingerprint == key.publicFingerprint }! }
            return (found, ring.unused.count)
        }
        #expect(order(agent: [0, 1], files: [2, 3]) == ([0, 1, 2, 3], 0))
        #expect(order(agent: [0, 1, 2], files: [2, 3]) == ([2, 0, 1, 3], 0))
        #expect(order(agent: [0, 1, 2, 3, 4, 5], files: [6]) == ([0, 1, 2, 3, 6], 2))
        #expect(order(agent: [], files: [0]) == ([0], 0))
        #expect(order(agent: [0], files: []) == ([0], 0))
    }
}
