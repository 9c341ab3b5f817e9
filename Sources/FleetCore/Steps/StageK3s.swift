package import K3s
package import Shell

/// Puts the verified binary of the next release beside the one that runs, which goes on running.
package struct StageK3s: Step {
    package static let kind = StepKind.stageK3s
    package static let words = "stage k3s"
    package static let deadlineSeconds = 600.0

    package let node: String
    package let version: K3sVersion
    /// sha256 that an earlier host verified; nil on the first one.
    package let digest: String?

    package init(node: String, version: K3sVersion, digest: String?) {
        (self.node, self.version, self.digest) = (node, version, digest)
    }

    package var detail: String { "\(version)" }
    package var target: StepTarget { .node }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.stage(version, expectedSHA256: digest, releases: context.releases)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.hostWords(node), after: "k3s \(version) staged")
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .done(let output) = outcome, let digest = HostScript.stagedDigest(in: output) else { return }
        ledger.staged(version, digest: digest)
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.host] }
}
