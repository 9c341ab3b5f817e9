package import FleetCore
import K3s

/// The credential that lets hosts into the overlay: where it is read from, and what can be said of it before a host tries.
package struct OverlayKey: Sendable {
    let overlay: Overlay
    let source: SecretSource

    /// `folder`: that of the fleet file.
    package init(overlay: Overlay, folder: String, environment: [String: String]) {
        (self.overlay, source) = (overlay, SecretSource(folder: folder, environment: environment))
    }

    private static let meaning = "it holds the Tailscale auth key (cluster.network.authKey)"

    /// The secret's text; never empty.
    func read() throws(StateError) -> String { try source.line(reference, meaning: Self.meaning) }

    var reference: SecretReference {
        switch overlay {
        case .tailscale(let authKey, _): authKey
        }
    }

    /// Why no host could join with it; nil when nothing speaks against it.
    package var problem: Reason? {
        do throws(StateError) {
            return Self.problem(of: TailscaleKey(try read()), overlay.login)
        } catch {
            return .credentialMissing(error.message, advice: error.advice ?? Self.meaning)
        }
    }

    private static func problem(of kind: TailscaleKey, _ login: OverlayLogin) -> Reason? {
        switch kind {
        case .clientSecret where login.tags.isEmpty:
            .credentialMissing(
                "cluster.network.authKey is an OAuth client secret, which joins no machine without tags", advice: "set cluster.network.tags"
            )
        case .apiToken:
            .credentialMissing(
                "cluster.network.authKey is an API access token, which joins no machine",
                advice: "make an auth key, or an OAuth client with the scope auth_keys")
        case .authKey, .clientSecret, .other: nil
        }
    }

    /// What an operator should know of a key that can be read; nil when there is nothing to say.
    package var remark: String? {
        guard let key = try? read() else { return nil }
        if let problem { return "\(problem.text); \(problem.advice)" }
        guard TailscaleKey(key) == .authKey else { return nil }
        return "cluster.network.authKey is an auth key, which ends after 90 days at most; later no host can join with it. "
            + "The secret of an OAuth client (tskey-client-…) with cluster.network.tags does not end"
    }
}
