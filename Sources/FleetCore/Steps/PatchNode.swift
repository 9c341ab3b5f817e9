import K3s
package import Shell

/// Patches labels, taints and our own annotations of a node.
package struct PatchNode: Step {
    package static let kind = StepKind.patchNode
    package static let words = "patch labels and taints"

    package let node: String
    package let patch: NodePatch

    package init(node: String, _ patch: NodePatch) { (self.node, self.patch) = (node, patch) }

    package var detail: String { patch.summary }
    package var target: StepTarget { .server }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.patchNode(
            name: node, labels: patch.labels, taints: patch.taints.map { ($0.from, $0.to) }, annotations: patch.annotations)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.node(node).map(patch.before) ?? observed.nodeWords(node), after: patch.after(observed.node(node)))
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
