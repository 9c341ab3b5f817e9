package import K3s
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
    /// A server's member leaves etcd with it.
    package let role: Role

    package init(node: String, ifSilent: Bool, role: Role = .agent) { (self.node, self.ifSilent, self.role) = (node, ifSilent, role) }

    package var target: StepTarget { .server }
    package var takes: LimitName? { .deletionsPerPass }

    package func script(_ context: ScriptContext) -> Script? {
        role == .server ? HostScript.deleteServer(name: node, ifSilent: ifSilent) : HostScript.deleteNode(name: node, ifSilent: ifSilent)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: role == .server ? "no node, no member of etcd" : "no node")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.removalSent(node)
        if role == .server { ledger.serverChanges(at: now) }
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        if role == .server { ledger.serverChanges(at: now) }
        ledger.removalReached(.nodeDeleted, node)
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
