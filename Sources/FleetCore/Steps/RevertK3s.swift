package import K3s
package import Shell

/// Puts the k3s of before an upgrade back on an agent that does not come up with the new one. A server's datastore may not go back.
package struct RevertK3s: Step {
    package static let kind = StepKind.revertK3s
    package static let words = "put the former k3s back"
    package static let deadlineSeconds = 120.0
    package static let startsK3s = true
    package static let isDisruptive = true

    package let node: String
    /// The release that failed.
    package let version: K3sVersion
    /// The one of before.
    package let former: K3sVersion
    /// Last words of the failed one; nil when it said nothing.
    package let journal: String?

    package init(node: String, from version: K3sVersion, to former: K3sVersion, journal: String?) {
        (self.node, self.version, self.former, self.journal) = (node, version, former, journal)
    }

    package var detail: String { "\(version) to \(former)" }
    package var target: StepTarget { .node }
    package var takes: LimitName? { .maxUnavailable }

    package func script(_ context: ScriptContext) -> Script? { HostScript.revert() }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: "k3s \(version)", after: "k3s \(former)")
    }

    /// Whatever becomes of the answer, it is not tried again by itself.
    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.change(node) { instance in
            instance.startedAt = now
            instance.maintenance?.upgradedTo = nil
            instance.failedUpgrade = FailedUpgrade(version: version, journal: journal)
        }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.host, .node] }
}
