import FleetCore
import Reconciler
import Shell

/// Looks up a secret when it is sent.
struct Secrets: Sendable {
    let state: StateDirectory
    let overlay: Overlay
    let folder: String
    let environment: [String: String]

    /// A host's output, with every secret that we may have sent there replaced by its name: programs repeat an argument that they refuse.
    func redacted(_ text: String) -> String {
        var text = text
        for name in [SecretName.serverToken, .agentToken, .tailscaleAuthKey] {
            guard let secret = name == .tailscaleAuthKey ? try? reveal(name) : state.knownSecret(name), secret.count >= 8 else { continue }
            text = text.replacing(secret, with: "<secret \(name)>")
            // The host cuts output without knowing secrets, so the end may hold part of one.
            if let length = (8..<secret.count).last(where: { text.hasSuffix(secret.prefix($0)) }) {
                text = text.dropLast(length) + "<secret \(name)>"
            }
        }
        return text
    }

    @Sendable func reveal(_ name: SecretName) throws -> String {
        guard name == .tailscaleAuthKey else { return try state.secret(name) }
        let reference =
            switch overlay {
            case .tailscale(let authKey): authKey
            }
        switch reference {
        case .environment(let variable):
            guard let value = environment[variable], !value.isEmpty else {
                throw StateError(
                    "the environment variable \(variable) is not set", advice: "it holds the Tailscale auth key (cluster.network.authKey)")
            }
            return value
        case .file(let file):
            let path = file.hasPrefix("/") ? file : folder + "/" + file
            guard let bytes = try StateDirectory.read(path) else {
                throw StateError("there is no file \(path)", advice: "it holds the Tailscale auth key (cluster.network.authKey)")
            }
            return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        }
    }
}
