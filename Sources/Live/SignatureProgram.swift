import FoundationEssentials
import Spawn
package import Tokens

/// `ssh-keygen -Y`, which makes and checks signatures: with a key file, or with an ssh-agent where the file is the public half of its key.
package struct SignatureProgram: Sendable {
    private let environment: [String: String]
    private let program: String

    /// What it needs of `environment` is passed on, and no token.
    package init(environment: [String: String], program: String = "ssh-keygen") {
        self.program = program
        self.environment = environment.filter {
            ["PATH", "HOME", "SSH_AUTH_SOCK", "TERM", "SSH_ASKPASS", "DISPLAY"].contains($0.key)
        }
    }

    /// Throws when nothing was signed; why, `ssh-keygen` itself says on standard error. Blocks, and may ask for a passphrase.
    package func sign(_ permissions: Permissions, namespace: String, key: String) throws -> SSHSignature {
        let ended = try run(Self.signing(namespace, key), permissions)
        return try Self.signature(ended.status, ended.output, namespace: namespace, key: key)
    }

    /// The same where nobody is there whom it could ask for a passphrase.
    package func signAlone(_ permissions: Permissions, namespace: String, key: String) async throws -> SSHSignature {
        let nobody = ["SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"]
        let program = Confined(
            program, Self.signing(namespace, key), environment: environment.merging(nobody) { $1 }, seconds: 10, limit: 16 << 10)
        let ended: Confined.Ended
        do { ended = try await program.run(input: permissions.payload) } catch { throw Self.missing(error) }
        // Warnings stand in the same output.
        let lines = String(decoding: ended.output, as: UTF8.self).split(whereSeparator: \.isNewline)
        let armored = lines.drop { !$0.hasPrefix("-----BEGIN") }.joined(separator: "\n")
        return try Self.signature(ended.wasKilled ? -1 : ended.status, Data(armored.utf8), namespace: namespace, key: key)
    }

    private static func signing(_ namespace: String, _ key: String) -> [String] { ["-Y", "sign", "-q", "-n", namespace, "-f", key] }

    private static func signature(_ status: Int32, _ output: Data, namespace: String, key: String) throws -> SSHSignature {
        guard status == 0 else {
            throw StateError(
                "ssh-keygen signed nothing with \(key)",
                advice: "name a private key, or the .pub file of one that your ssh-agent holds")
        }
        let signature = try SSHSignature(armored: String(decoding: output, as: UTF8.self))
        guard signature.namespace == namespace else { throw StateError("ssh-keygen signed for \(signature.namespace)", advice: nil) }
        return signature
    }

    /// Whether the key in the token has signed its permissions; whose key it is nobody is asked.
    package func isGood(_ token: SignedToken) throws -> Bool {
        let folder = FileManager.default.temporaryDirectory.path() + "exedev-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/signature"
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data(token.signature.armored.utf8), attributes: [.posixPermissions: 0o600])
        else { throw StateError("\(file) cannot be written", advice: nil) }
        return try run(["-Y", "check-novalidate", "-q", "-n", token.signature.namespace, "-s", file], token.permissions, quiet: true).status
            == 0
    }

    private func run(_ arguments: [String], _ permissions: Permissions, quiet: Bool = false) throws -> Subprocess {
        do {
            return try Subprocess.run(program, arguments, input: permissions.payload, environment: environment, quiet: quiet)
        } catch { throw Self.missing(error) }
    }

    private static func missing(_ error: any Error) -> StateError {
        StateError("\(error)", advice: "install OpenSSH's client: it makes and checks signatures")
    }
}
