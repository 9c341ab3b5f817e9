import Foundation
import Glibc
import SSH
import TestSupport
import Testing

@Suite(.serialized) struct AgentTests {
    /// A real ssh-agent with the user's key. It ends with the test.
    static func withAgent(_ sshd: RealSSHD, adding keys: [String] = ["user"], _ body: (String) async throws -> Void) async throws {
        let socket = sshd.folder + "/agent"
        let agent = try RealSSHD.spawn("/usr/bin/ssh-agent", ["-D", "-a", socket])
        defer {
            kill(agent, SIGKILL)
            waitpid(agent, nil, 0)
        }
        // The socket's file exists before the agent listens on it.
        #expect(await eventually { (try? SSHAgent.keys(socket: socket)) != nil })
        // Asked for a passphrase, it gets the one of `KeyTests`. Another process writes the program: one that is open for writing, also in a
        // child that somebody forks meanwhile, cannot be run.
        let text = sshd.folder + "/askpass.text"
        try Data("#!/bin/sh\necho \(KeyTests.passphrase)\n".utf8).write(to: URL(fileURLWithPath: text))
        try RealSSHD.run("/usr/bin/install", ["-m", "700", text, sshd.folder + "/askpass"])
        for key in keys {
            let askpass = ["SSH_ASKPASS=\(sshd.folder)/askpass", "SSH_ASKPASS_REQUIRE=force"]
            try RealSSHD.run("/usr/bin/env", ["SSH_AUTH_SOCK=\(socket)"] + askpass + ["/usr/bin/ssh-add", "-q", "\(sshd.folder)/\(key)"])
        }
        try await body(socket)
    }

    @Test(arguments: ["ed25519", "ecdsa", "ecdsa-384", "ecdsa-521", "rsa"])
    func logsInWithAKeyOfTheAgent(keyType: String) async throws {
        let sshd = try RealSSHD(keyType: keyType)
        try await Self.withAgent(sshd) { socket in
            let keys = try SSHAgent.keys(socket: socket).usable
            #expect(keys.map(\.publicFingerprint) == [try UserKey.file(sshd.folder + "/user").publicFingerprint])
            let client = SSHClient(loop: SSHLoop(), keys: keys, hostKeys: try sshd.knownHosts(), connectsPerMinute: 600)
            let result = try await client.sh(sshd.target, "echo hello")
            #expect(String(decoding: result.stdout, as: UTF8.self) == "hello\n")
            await client.closeAll()
        }
    }

    @Test func saysThatNoAgentAnswers() {
        #expect(throws: KeyError.self) { try SSHAgent.keys(socket: "/nowhere/agent") }
    }
}
