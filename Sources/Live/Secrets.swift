import ExeDev
import FleetCore
import Reconciler
import Shell

/// Looks up a secret when it is sent.
struct Secrets: Sendable {
    let state: StateDirectory
    let overlay: Overlay
    let folder: String
    let environment: [String: String]
    /// Of exe.dev; never sent to a host.
    let token: ExeDevToken

    /// Replaces every secret that a host may repeat: programs print an argument that they refuse.
    var redaction: Redaction {
        let names: [SecretName] = [.serverToken, .agentToken, .tailscaleAuthKey]
        return Redaction(
            token.secrets
                + names.compactMap { name in
                    let value = name == .tailscaleAuthKey ? try? reveal(name) : state.knownSecret(name)
                    return value.map { ("\(name)", $0) }
                })
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
            let path = OperatorPath.absolute(file, in: folder, home: environment["HOME"])
            guard let bytes = try StateDirectory.read(path) else {
                throw StateError("there is no file \(path)", advice: "it holds the Tailscale auth key (cluster.network.authKey)")
            }
            return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        }
    }
}
