import K3s

/// Adds tags to a VM.
package struct TagVM: Step {
    package static let kind = StepKind.tagVM
    package static let words = "tag VM"

    package let node: String
    package let tags: [String]

    package init(node: String, tags: [String]) { (self.node, self.tags) = (node, tags) }

    package var detail: String { tags.joined(separator: ", ") }
    package var target: StepTarget { .platform }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        let before = observed.vms?[node]?.tags ?? []
        return Change(before: Change.list(before), after: Change.list(before + tags))
    }

    package func show(_ outcome: StepOutcome, in observed: inout Observation) { observed.vms?[node]?.tags += tags }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [] }
}
