import K3s
package import Shell

/// Lifts our own cordon of a node that is wanted again.
package struct Uncordon: Step {
    package static let kind = StepKind.uncordon
    package static let words = "uncordon"

    package let node: String

    package init(node: String) { self.node = node }

    package var target: StepTarget { .server }

    package func script(_ context: ScriptContext) -> Script? { HostScript.uncordon(name: node, mark: NodePatch.removing) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "schedulable")
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.removalEnded(node) }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
