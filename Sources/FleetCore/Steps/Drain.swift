import K3s
package import Shell

/// Evicts the pods of a cordoned node, a few seconds at a time, until none is left. The node stays cordoned meanwhile.
package struct Drain: Step {
    package static let kind = StepKind.drain
    package static let words = "drain"
    package static let usesOwnConnection = true
    package static let isDestructive = true
    package static let isDisruptive = true

    package let node: String
    /// No kubelet is left to end its pods, so they are not waited for without end.
    package let isSilent: Bool
    package let policy: DrainPolicy

    package init(node: String, isSilent: Bool, policy: DrainPolicy = DrainPolicy()) {
        (self.node, self.isSilent, self.policy) = (node, isSilent, policy)
    }

    package var target: StepTarget { .server }
    package var takes: LimitName? { .deletionsPerPass }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.drain(name: node, isSilent: isSilent, force: policy.force, deleteEmptyDir: policy.deleteEmptyDir)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "drained")
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.removalBegun(node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .drain(let reading) = outcome else { return }
        switch reading {
        case .drained: ledger.removalReached(.drained, node)
        case .pending(let hindrance): ledger.drainPending(node, hindrance, at: now)
        }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
