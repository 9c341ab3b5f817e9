import FoundationEssentials
import Spawn
import Tokens

/// `ssh-keygen -Y`, which makes and checks signatures: with a key file, or with an ssh-agent where the file is the public half of its key.
struct SignatureProgram {
    let environment: [String: String]

    /// What it needs of ours, and no token.
    private var own: [String: String] {
        environment.filter { ["PATH", "HOME", "SSH_AUTH_SOCK", "TERM", "SSH_ASKPASS", "DISPLAY"].contains($0.key) }
    }

    /// Throws when nothing was signed; why, `ssh-keygen` itself says on standard error.
    func sign(_ permissions: Permissions, namespace: String, key: String) throws -> SSHSignature {
        let ended = try run(["-Y", "sign", "-q", "-n", namespace, "-f", key], permissions)
        guard ended.status == 0 else {
            throw Failure(
                "ssh-keygen signed nothing with \(key)",
                advice: "name a private key with --key, or the .pub file of one that your ssh-agent holds")
        }
        let signature = try SSHSignature(armored: String(decoding: ended.output, as: UTF8.self))
        guard signature.namespace == namespace else { throw Failure("ssh-keygen signed for \(signature.namespace)") }
        return signature
    }

    /// Whether the key in the token has signed its permissions; whose key it is nobody is asked.
    func isGood(_ token: SignedToken) throws -> Bool {
        let folder = FileManager.default.temporaryDirectory.path() + "exedev-ctl-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/signature"
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data(token.signature.armored.utf8), attributes: [.posixPermissions: 0o600])
        else { throw Failure("\(file) cannot be written") }
        return try run(["-Y", "check-novalidate", "-q", "-n", token.signature.namespace, "-s", file], token.permissions, quiet: true).status
            == 0
    }

    private func run(_ arguments: [String], _ permissions: Permissions, quiet: Bool = false) throws -> Subprocess {
        do {
            return try Subprocess.run("ssh-keygen", arguments, input: permissions.payload, environment: own, quiet: quiet)
        } catch {
            throw Failure("\(error)", advice: "install OpenSSH's client: it makes and checks signatures")
        }
    }
}
