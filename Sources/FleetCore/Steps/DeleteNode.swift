import K3s
package import Shell

/// Deletes a Node and its node password from the cluster.
package struct DeleteNode: Step {
    package static let kind = StepKind.deleteNode
    package static let words = "delete node"
    package static let deadlineSeconds = 180.0
    package static let usesOwnConnection = true
    package static let isDestructive = true
    package static let isDisruptive = true

    package let node: String
    /// Its k3s may still run: a Node whose kubelet is heard of stays, and the step fails.
    package let ifSilent: Bool

    package init(node: String, ifSilent: Bool) { (self.node, self.ifSilent) = (node, ifSilent) }

    package var target: StepTarget { .server }
    package var takes: LimitName? { .deletionsPerPass }

    package func script(_ context: ScriptContext) -> Script? { HostScript.deleteNode(name: node, ifSilent: ifSilent) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "no node")
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.removalSent(node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        ledger.removalReached(.nodeDeleted, node)
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
