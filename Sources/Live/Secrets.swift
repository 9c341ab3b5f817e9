import Digest
import ExeDev
import FleetCore
import K3s
import Shell
import Synchronization

/// Looks up a secret when it is sent.
struct Secrets: Sendable {
    let state: StateDirectory
    let overlayKey: OverlayKey
    /// Those of `cluster.registries`, by name.
    let registries: [SecretName: SecretReference]
    /// Of exe.dev; never sent to a host.
    let token: ExeDevToken?

    /// Replaces every secret that a host may repeat: programs print an argument that they refuse.
    var redaction: Redaction {
        var known = token?.secrets ?? []
        for name in [SecretName.serverToken, .agentToken] { known += state.knownSecret(name).map { [("\(name)", $0)] } ?? [] }
        known += (try? overlayKey.read()).map { [("\(SecretName.tailscaleAuthKey)", $0)] } ?? []
        for name in registries.keys { known += (try? registrySecret(name)).map { [("\(name)", $0)] } ?? [] }
        return Redaction(Self.seen(with: known))
    }

    /// Every value that this process has read: hosts go on repeating the one from before a rotation. No disk keeps them.
    private static let seen = Mutex<[String: Set<String>]>([:])

    private static func seen(with known: [(name: String, value: String)]) -> [(name: String, value: String)] {
        seen.withLock { all in
            for (name, value) in known { all[name, default: []].insert(value) }
            return all.flatMap { name, values in values.map { (name, $0) } }
        }
    }

    /// The environment variables that hold some of them.
    var variables: Set<String> {
        Set(
            ([overlayKey.reference] + registries.values).compactMap {
                if case .environment(let name) = $0 { name } else { nil }
            })
    }

    @Sendable func reveal(_ name: SecretName) throws -> String {
        let value = try value(of: name)
        // Rotated before the host answers, it would not be among those that are read then.
        _ = Self.seen(with: [("\(name)", value)])
        return name.registrySecret.map { Registries.spelled(value, $0) } ?? value
    }

    private func value(of name: SecretName) throws -> String {
        if name == .tailscaleAuthKey { return try overlayKey.read() }
        return name.registrySecret == nil ? try state.secret(name) : try registrySecret(name)
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
            let loss = state.tokenLoss().map { Reason.credentialMissing($0.message, advice: $0.advice ?? "") }
            return Credentials(missing: loss ?? overlayKey.problem, registries: try registriesDigest(mayWrite: mayWrite))
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
