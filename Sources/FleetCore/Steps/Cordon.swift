import K3s
package import Shell

/// Keeps new pods off a node that is to leave, and marks the cordon as ours.
package struct Cordon: Step {
    package static let kind = StepKind.cordon
    package static let words = "cordon"
    package static let isDestructive = true
    package static let isDisruptive = true

    package let node: String

    package init(node: String) { self.node = node }

    package var target: StepTarget { .server }
    package var takes: LimitName? { .deletionsPerPass }

    package func script(_ context: ScriptContext) -> Script? { HostScript.cordon(name: node, mark: NodePatch.removing) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "cordoned")
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.removalBegun(node) }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
