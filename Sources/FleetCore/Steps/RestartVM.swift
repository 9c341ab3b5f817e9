package import K3s

/// Restarts a VM whose disk was flushed, by exe.dev's `restart`, so that it has the cpu and memory that were asked for.
package struct RestartVM: Step {
    package static let kind = StepKind.restartVM
    package static let words = "restart VM"
    package static let startsK3s = true
    package static let isDisruptive = true

    package let node: String
    package let role: Role

    package init(node: String, role: Role) { (self.node, self.role) = (node, role) }

    package var target: StepTarget { .platform }
    package var takes: LimitName? { .maxUnavailable }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.vmWords(node), after: "VM started again")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.k3sInterrupted(on: node, as: role, at: now)
        ledger.resizeReached(.restarting, node)
    }

    package func undone(_ ledger: inout Ledger) { ledger.resizeReached(.stopping, node) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.resizeRestarted(node, at: now) }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        role == .server ? [.vms, .host, .cluster, .node] : [.vms, .host, .node]
    }
}
