package import K3s
package import Shell

/// Stops k3s and its pods and writes what they wrote to the disk: exe.dev's `restart` is a power cut (facts/exedev.md §8.8). k3s stays enabled, so
/// that it starts with the VM.
package struct FlushDisk: Step {
    package static let kind = StepKind.flushDisk
    package static let words = "stop k3s and flush the disk"
    package static let deadlineSeconds = 180.0
    /// It is down until the VM is up again, whatever its Node says.
    package static let startsK3s = true
    package static let isDisruptive = true

    package let node: String
    package let role: Role

    package init(node: String, role: Role) { (self.node, self.role) = (node, role) }

    package var target: StepTarget { .node }
    package var takes: LimitName? { .maxUnavailable }

    package func script(_ context: ScriptContext) -> Script? { HostScript.flush(role) }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "k3s stopped, nothing unwritten")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        ledger.k3sInterrupted(on: node, as: role, at: now)
        ledger.resizeReached(.stopping, node)
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        role == .server ? [.host, .cluster, .node] : [.host, .node]
    }
}
