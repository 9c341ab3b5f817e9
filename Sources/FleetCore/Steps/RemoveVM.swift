import K3s

/// Removes a VM and its disk.
package struct RemoveVM: Step {
    package static let kind = StepKind.removeVM
    package static let words = "remove VM"
    package static let isDestructive = true
    package static let isDisruptive = true

    package let node: String

    package init(node: String) { self.node = node }

    package var target: StepTarget { .platform }
    package var takes: LimitName? { .deletionsPerPass }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.vmWords(node), after: "no VM")
    }

    /// Should the answer be lost, the VM's absence is our doing.
    package func before(_ ledger: inout Ledger, now: Double) { ledger.removalReached(.nodeDeleted, node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.vmRemoved(node, at: now) }

    package func show(_ outcome: StepOutcome, in observed: inout Observation) { observed.vms?[node] = nil }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { end == .done ? [.vmListUnderWay] : [] }
}
