import K3s
package import Shell

/// Takes a node out of service for maintenance: cordons it under a mark of its own and evicts its pods, a few seconds at a time.
package struct Evacuate: Step {
    package static let kind = StepKind.evacuate
    package static let words = "cordon and drain"
    package static let usesOwnConnection = true
    package static let isDisruptive = true

    package let node: String
    /// Its pods have another node to go to.
    package let drains: Bool
    package let policy: DrainPolicy

    package init(node: String, drains: Bool, policy: DrainPolicy) { (self.node, self.drains, self.policy) = (node, drains, policy) }

    package var detail: String { drains ? "" : "no drain: there is no other node" }
    package var target: StepTarget { .server }
    package var takes: LimitName? { .maxUnavailable }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.evacuate(
            name: node, mark: NodeAnnotation.maintenance, drains: drains, force: policy.force, deleteEmptyDir: policy.deleteEmptyDir)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: drains ? "cordoned and drained" : "cordoned")
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.maintenanceBegun(node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .drain(let reading) = outcome else { return }
        switch reading {
        case .drained: ledger.evacuated(node)
        case .pending(let hindrance): ledger.drainPending(node, hindrance, at: now)
        }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
