package import K3s
package import Shell

/// Stops k3s for good: a running kubelet would register its node again (facts/k3s.md §6.4).
package struct Stop: Step {
    package static let kind = StepKind.stop
    package static let words = "stop k3s"
    package static let deadlineSeconds = 180.0
    package static let isDestructive = true
    package static let isDisruptive = true

    package let node: String
    package let role: Role

    package init(node: String, role: Role) { (self.node, self.role) = (node, role) }

    package var target: StepTarget { .node }
    package var takes: LimitName? { .deletionsPerPass }

    package func script(_ context: ScriptContext) -> Script? { HostScript.stopK3s(role) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "k3s stopped")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.removalSent(node)
        if role == .server { ledger.serverChanges(at: now) }
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        ledger.removalReached(.stopped, node)
        ledger.change(node) { $0.startedAt = nil }
        if role == .server { ledger.serverChanges(at: now) }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.host] }
}
