package import K3s
package import Shell

/// Puts the staged k3s in place of the one that runs, which is kept, and starts it without waiting for it.
package struct UpgradeK3s: Step {
    package static let kind = StepKind.upgradeK3s
    package static let words = "upgrade k3s"
    package static let deadlineSeconds = 120.0
    package static let startsK3s = true
    package static let isDisruptive = true

    package let node: String
    package let role: Role
    package let from: K3sVersion
    package let version: K3sVersion
    /// sha256 of the staged binary.
    package let digest: String

    package init(node: String, role: Role, from: K3sVersion, to version: K3sVersion, digest: String) {
        (self.node, self.role, self.from, self.version, self.digest) = (node, role, from, version, digest)
    }

    package var detail: String { "\(from) to \(version)" }
    package var target: StepTarget { .node }
    package var takes: LimitName? { .maxUnavailable }

    package func script(_ context: ScriptContext) -> Script? { HostScript.upgrade(role, sha256: digest) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: "k3s \(from)", after: "k3s \(version)")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.k3sInterrupted(on: node, as: role, at: now)
        ledger.change(node) { $0.maintenance?.upgradedTo = version }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        role == .server ? [.host, .cluster, .node] : [.host, .node]
    }
}
