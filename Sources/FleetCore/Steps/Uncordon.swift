import K3s
package import Shell

/// Lifts our own cordon of a node that is wanted again, or whose maintenance is over.
package struct Uncordon: Step {
    package static let kind = StepKind.uncordon
    package static let words = "uncordon"

    /// Why the node was cordoned: each has a mark of its own.
    package enum Purpose: Sendable, Hashable { case removal, maintenance }

    package let node: String
    package let purpose: Purpose
    /// A server must answer for itself first.
    package let isServer: Bool

    package init(node: String, after purpose: Purpose = .removal, isServer: Bool = false) {
        (self.node, self.purpose, self.isServer) = (node, purpose, isServer)
    }

    package var target: StepTarget { isServer ? .node : .server }

    package func script(_ context: ScriptContext) -> Script? {
        switch purpose {
        case .removal: HostScript.uncordon(name: node, mark: NodeAnnotation.removing)
        case .maintenance: HostScript.endMaintenance(name: node, mark: NodeAnnotation.maintenance, isServer: isServer)
        }
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.nodeWords(node), after: "schedulable")
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        switch purpose {
        case .removal: ledger.removalEnded(node)
        case .maintenance: ledger.maintenanceEnded(node)
        }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.node] }
}
