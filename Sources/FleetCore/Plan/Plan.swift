import K3s

/// What the planner makes of one observation: for each node what can be done now, what it waits for, or what blocks it.
package struct Plan: Sendable, Hashable {
    package var cluster: String
    package var items: [Item]

    package init(cluster: String, items: [Item]) {
        (self.cluster, self.items) = (cluster, items)
    }

    package struct Item: Sendable, Hashable {
        package var node: String
        package var pool: String
        package var decision: Decision
        /// The steps that are expected after this one, so that approving a plan approves the way to its end.
        package var then: [StepKind]

        package init(node: String, pool: String, decision: Decision, then: [StepKind]) {
            (self.node, self.pool, self.decision, self.then) = (node, pool, decision, then)
        }
    }

    package var isSettled: Bool { items.allSatisfy { $0.decision.isSettled } }

    package var actions: [Action] { items.compactMap(\.decision.action) }
}

package indirect enum Decision: Sendable, Hashable {
    case settled
    case act(Action, Reason)
    case wait(Wait)
    /// Only the operator can change it.
    case blocked(Reason)
    /// Observed, not asked for, and left alone on purpose.
    case reported(Reason)

    package var isSettled: Bool {
        switch self {
        case .settled, .reported: true
        case .act, .wait, .blocked: false
        }
    }

    package var isBlocked: Bool { if case .blocked = self { true } else { false } }

    package var action: Action? { if case .act(let action, _) = self { action } else { nil } }

    /// Nil for a settled node.
    package var reason: Reason? {
        switch self {
        case .settled: nil
        case .act(_, let reason), .blocked(let reason), .reported(let reason): reason
        case .wait(let wait): wait.reason
        }
    }
}

/// A bounded wait: what for, and which read will tell that it is over.
package struct Wait: Sendable, Hashable {
    package var reason: Reason
    package var read: ReadTarget
    /// Seconds until the read is worth repeating.
    package var interval: Double
    /// A second, rarer read that tells why it takes so long.
    package var diagnostics: ReadTarget?

    package init(_ reason: Reason, read: ReadTarget, every interval: Double, diagnostics: ReadTarget? = nil) {
        (self.reason, self.read, self.interval, self.diagnostics) = (reason, read, interval, diagnostics)
    }

    /// No read will tell that it is over, but time or what becomes of another node.
    package init(_ reason: Reason, diagnostics: ReadTarget? = nil) {
        self.init(reason, read: .nothing, every: .infinity, diagnostics: diagnostics)
    }
}

/// A read of the world.
package enum ReadTarget: Sendable, Hashable, Comparable {
    case vms
    case cluster
    case host(String)
    /// How a VM is shared.
    case share(String)
    /// What a VM answers behind exe.dev's HTTPS proxy.
    case web(ShareQuestion)
    /// Nothing to read: another node's step or a back-off ends it.
    case nothing
}
