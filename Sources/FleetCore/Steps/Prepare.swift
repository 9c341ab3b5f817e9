package import K3s
package import Shell

/// Joins a host to the overlay network and stages a verified k3s with its installer.
package struct Prepare: Step {
    package static let kind = StepKind.prepare
    package static let words = "prepare host"
    package static let deadlineSeconds = 600.0

    package let host: HostPreparation

    package init(_ host: HostPreparation) { self.host = host }

    package var node: String { host.node }
    package var detail: String { "overlay, k3s \(host.version) for \(host.role == .server ? "a server" : "an agent")" }
    package var target: StepTarget { .node }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.prepare(host, releases: context.releases, authKey: .tailscaleAuthKey, controllerTime: Int(context.now))
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.hostWords(node), after: detail)
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .done(let output) = outcome, let digest = HostScript.stagedDigest(in: output) else { return }
        ledger.staged(host.version, digest: digest)
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.host] }
}
