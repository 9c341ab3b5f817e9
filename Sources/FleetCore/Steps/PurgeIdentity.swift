import K3s
package import Shell

/// Deletes the Node and the node password that an earlier machine of the same name left in the cluster (facts/k3s.md §6.1).
package struct PurgeIdentity: Step {
    package static let kind = StepKind.purgeIdentity
    package static let words = "purge old identity"

    package let node: String
    /// The overlay address of the machine that has the name now: a Node with it stays.
    package let sparing: String?

    package init(node: String, sparing: String? = nil) { (self.node, self.sparing) = (node, sparing) }

    package var target: StepTarget { .server }

    package func script(_ context: ScriptContext) -> Script? { HostScript.forget(node: node, sparing: sparing) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "no node, no node password")
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        ledger.change(node) { $0.hasStaleIdentity = false }
    }

    /// It may have failed because the node is another one than it was.
    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        end == .done && observed.node(node) == nil ? [] : [.node]
    }
}
