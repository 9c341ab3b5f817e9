import Digest
import ExeDev
import FleetCore
import K3s
import Shell

/// Looks up a secret when it is sent.
struct Secrets: Sendable {
    let state: StateDirectory
    let overlayKey: OverlayKey
    /// Those of `cluster.registries`, by name.
    let registries: [SecretName: SecretReference]
    /// Of exe.dev; never sent to a host.
    let token: ExeDevToken

    /// Replaces every secret that a host may repeat: programs print an argument that they refuse.
    var redaction: Redaction {
        var known = token.secrets
        for name in [SecretName.serverToken, .agentToken] { known += state.knownSecret(name).map { [("\(name)", $0)] } ?? [] }
        known += (try? overlayKey.read()).map { [("\(SecretName.tailscaleAuthKey)", $0)] } ?? []
        for name in registries.keys { known += (try? registrySecret(name)).map { [("\(name)", $0)] } ?? [] }
        return Redaction(known)
    }

    @Sendable func reveal(_ name: SecretName) throws -> String {
        if name == .tailscaleAuthKey { return try overlayKey.read() }
        guard let kind = name.registrySecret else { return try state.secret(name) }
        return Registries.spelled(try registrySecret(name), kind)
    }

    private func registrySecret(_ name: SecretName) throws(StateError) -> String {
        guard let reference = registries[name], let kind = name.registrySecret else {
            throw StateError("there is no secret \(name)", advice: "report this")
        }
        let meaning = "it holds a secret of cluster.registries (\(name))"
        return kind.isFile
            ? try overlayKey.source.text(reference, meaning: meaning) : try overlayKey.source.line(reference, meaning: meaning)
    }

    /// What hosts will need of this machine. `mayWrite`: the caller has the lock of the state directory.
    func credentials(mayWrite: Bool) -> Credentials {
        do throws(StateError) {
            return Credentials(missing: overlayKey.problem, registries: try registriesDigest(mayWrite: mayWrite))
        } catch {
            return Credentials(
                missing: .credentialMissing(error.message, advice: error.advice ?? "see the state directory"), registries: nil)
        }
    }

    /// With a key of its own, so that the ledger, which holds a digest of it, helps nobody to guess a password.
    private func registriesDigest(mayWrite: Bool) throws(StateError) -> String {
        guard !registries.isEmpty else { return "" }
        // Without one nothing was set up by it yet.
        var text = mayWrite ? try state.secret(.registriesKey) : state.knownSecret(.registriesKey) ?? ""
        for name in registries.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            text += "\n\(name)=" + sha256Hex(try registrySecret(name))
        }
        return sha256Hex(text)
    }
}
