import K3s

/// Adds tags to a VM, and takes off those that the fleet file asked for once and does not any more.
package struct TagVM: Step {
    package static let kind = StepKind.tagVM
    package static let words = "tag VM"

    package let node: String
    /// All that the file asks for.
    let tags: [String]
    package let adding: [String]
    package let removing: [String]

    package init(node: String, tags: [String], adding: [String], removing: [String]) {
        (self.node, self.tags, self.adding, self.removing) = (node, tags, adding, removing)
    }

    package var detail: String { (adding + removing.map { "no \($0)" }).joined(separator: ", ") }
    package var target: StepTarget { .platform }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        let before = observed.vms?[node]?.tags ?? []
        return Change(before: Change.list(before), after: Change.list(changed(before)))
    }

    /// Those that are put there are ours from now on, whatever becomes of the answer.
    package func before(_ ledger: inout Ledger, now: Double) { ledger.tagged(node, tags + removing) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.tagged(node, tags) }

    package func show(_ outcome: StepOutcome, in observed: inout Observation) {
        let tags = changed(observed.vms?[node]?.tags ?? [])
        observed.vms?[node]?.tags = tags
    }

    private func changed(_ tags: [String]) -> [String] { tags.filter { !removing.contains($0) } + adding }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        if case .failed(isUnknown: true) = end { [.vms] } else { [] }
    }
}
