import K3s

/// Writes the comment of a VM, or clears the one that the fleet file asked for once.
package struct CommentVM: Step {
    package static let kind = StepKind.commentVM
    package static let words = "comment VM"

    package let node: String
    /// Empty: none.
    package let text: String

    package init(node: String, _ text: String) { (self.node, self.text) = (node, text) }

    package var detail: String { text.isEmpty ? "none" : "\"\(text)\"" }
    package var target: StepTarget { .platform }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        let before = observed.vms?[node]?.comment ?? ""
        return Change(before: before.isEmpty ? "none" : "\"\(before)\"", after: detail)
    }

    /// What is written is ours from now on, whatever becomes of the answer.
    package func before(_ ledger: inout Ledger, now: Double) { if !text.isEmpty { ledger.commented(node, text) } }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.commented(node, text.isEmpty ? nil : text) }

    package func show(_ outcome: StepOutcome, in observed: inout Observation) { observed.vms?[node]?.comment = text }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        if case .failed(isUnknown: true) = end { [.vms] } else { [] }
    }
}
