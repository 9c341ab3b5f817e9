import K3s

/// Starts a stopped VM, or restarts a dead one, by exe.dev's `restart` (facts/exedev.md §1.2).
package struct StartVM: Step {
    package static let kind = StepKind.startVM
    package static let words = "start VM"

    package let node: String

    package init(node: String) { self.node = node }

    package var target: StepTarget { .platform }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.vmWords(node), after: "VM running")
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.change(node) { $0.poweredOnAt = now } }

    package func undone(_ ledger: inout Ledger) { ledger.change(node) { $0.poweredOnAt = nil } }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { end == .done ? [.vms] : [] }
}
