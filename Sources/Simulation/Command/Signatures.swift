import Foundation
import Spawn
import Tokens

/// Whether the signature of a token is good, by `ssh-keygen`. One that was stays good.
actor Signatures {
    private let state: StateDirectory
    private var verified: Set<String> = []

    init(state: StateDirectory) { self.state = state }

    /// Whether the key that the token names has signed it, for the namespace that it names.
    func isGood(_ token: SignedToken) -> Bool {
        let text = token.text
        if verified.contains(text) { return true }
        let signers = state.path + "/allowed_signers"
        let signature = state.path + "/signature"
        guard (try? state.write(Data("owner \(token.signature.publicLine)\n".utf8), to: signers)) != nil,
            (try? state.write(Data(token.signature.armored.utf8), to: signature)) != nil,
            let ended = try? Subprocess.run(
                "ssh-keygen", ["-Y", "verify", "-q", "-f", signers, "-I", "owner", "-n", token.signature.namespace, "-s", signature],
                input: token.permissions.payload, quiet: true),
            ended.status == 0
        else { return false }
        verified.insert(text)
        return true
    }
}
