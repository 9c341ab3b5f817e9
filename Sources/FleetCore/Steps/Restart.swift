package import K3s
package import Shell

/// Starts k3s again where it runs and its node is not in the cluster: it registers when it starts, and only then (facts/k3s.md §6.4).
package struct Restart: Step {
    package static let kind = StepKind.restart
    package static let words = "restart k3s"
    package static let deadlineSeconds = 90.0
    package static let startsK3s = true
    package static let isDisruptive = true

    package let node: String
    package let role: Role

    package init(node: String, role: Role) { (self.node, self.role) = (node, role) }

    package var target: StepTarget { .node }

    package func script(_ context: ScriptContext) -> Script? { HostScript.restartK3s(role) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "k3s started again")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.k3sInterrupted(on: node, as: role, at: now)
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        ledger.change(node) { $0.restartedAt = now }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.host] }
}
