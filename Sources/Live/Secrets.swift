import ExeDev
import FleetCore
import Shell

/// Looks up a secret when it is sent.
struct Secrets: Sendable {
    let state: StateDirectory
    let overlayKey: OverlayKey
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
        name == .tailscaleAuthKey ? try overlayKey.read() : try state.secret(name)
    }
}
