import K3s
package import Shell

/// Evicts the pods of a cordoned node; fails when they are not gone in time, and the node stays cordoned.
package struct Drain: Step {
    package static let kind = StepKind.drain
    package static let words = "drain"
    package static let deadlineSeconds = 330.0
    package static let usesOwnConnection = true
    package static let isDestructive = true

    package let node: String
    /// No kubelet is left to end its pods, so they are not waited for without end.
    package let isSilent: Bool

    package init(node: String, isSilent: Bool) { (self.node, self.isSilent) = (node, isSilent) }

    package var target: StepTarget { .server }
    package var takes: LimitName? { .deletionsPerPass }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.drain(name: node, timeoutSeconds: 300, isSilent: isSilent)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "drained")
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.removalBegun(node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.removalReached(.drained, node) }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
