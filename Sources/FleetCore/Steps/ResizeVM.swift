import K3s

/// Asks exe.dev for another size of a VM. A disk grows at once; cpu and memory count from the VM's next restart on (facts/exedev.md §1.2).
package struct ResizeVM: Step {
    package static let kind = StepKind.resizeVM
    package static let words = "resize VM"

    package let node: String
    /// `from` is empty where it is not known.
    package let changes: [VMSpecChange]

    package init(node: String, changes: [VMSpecChange]) { (self.node, self.changes) = (node, changes) }

    package var sizes: VMSizes { VMSizes(changes) }
    package var detail: String { changes.map(\.words).joined(separator: ", ") }
    package var target: StepTarget { .platform }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: Change.list(changes.filter { !$0.from.isEmpty }.map { "\($0.field) \($0.from)" }), after: detail)
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.resizeSent(node, sizes) }

    package func undone(_ ledger: inout Ledger) { ledger.resizeRefused(node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .resized(let approval) = outcome else { return }
        ledger.resizeAnswered(node, approval, at: now)
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        end == .failed(isUnknown: false) ? [] : [.vms]
    }
}

extension VMSpecChange {
    var words: String { from.isEmpty ? "\(field) to \(to)" : "\(field) \(from) to \(to)" }
}
