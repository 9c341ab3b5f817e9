package import K3s
package import Shell

/// Copies the cluster's datastore into the state directory, so that a failed upgrade can be undone (facts/k3s.md §10). k3s stands still while sqlite
/// is copied.
package struct TakeSnapshot: Step {
    package static let kind = StepKind.takeSnapshot
    package static let words = "take snapshot"
    package static let deadlineSeconds = 600.0
    package static let usesOwnConnection = true
    package static let startsK3s = true
    package static let isDisruptive = true

    package let node: String
    /// What runs there.
    package let version: K3sVersion
    /// Which release the cluster is to be upgraded to.
    package let goal: K3sVersion

    package init(node: String, version: K3sVersion, goal: K3sVersion) { (self.node, self.version, self.goal) = (node, version, goal) }

    package var detail: String { "of \(version), before \(goal)" }
    package var target: StepTarget { .node }
    package var takes: LimitName? { .maxUnavailable }

    package func script(_ context: ScriptContext) -> Script? { HostScript.snapshot() }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "a copy of the datastore on this machine")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.k3sInterrupted(on: node, as: .server, at: now)
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .done(let output) = outcome else { return }
        ledger.snapshot = Snapshot(version: version, goal: goal, takenAt: now, file: HostScript.snapshotFile(in: output))
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.host, .node] }
}
