/// What the planner makes of one observation: for each node what can be done now, what it waits for, or what blocks it.
package struct Plan: Sendable, Hashable {
    package var cluster: String
    package var lines: [Line]

    package init(cluster: String, lines: [Line]) {
        (self.cluster, self.lines) = (cluster, lines)
    }

    package struct Line: Sendable, Hashable {
        package var node: String
        package var pool: String
        package var decision: Decision
        /// The steps that are expected after this one, so that approving a plan approves the way to its end.
        package var then: [Step]

        package init(node: String, pool: String, decision: Decision, then: [Step]) {
            (self.node, self.pool, self.decision, self.then) = (node, pool, decision, then)
        }
    }

    package var isSettled: Bool { lines.allSatisfy { $0.decision.isSettled } }

    package var actions: [Action] { lines.compactMap(\.decision.action) }
}

package indirect enum Decision: Sendable, Hashable {
    case settled
    case act(Action, because: String)
    case wait(Wait)
    case blocked(Block)
    /// Seen, not asked for, and left alone on purpose.
    case reported(String)

    package var isSettled: Bool {
        switch self {
        case .settled, .reported: true
        case .act, .wait, .blocked: false
        }
    }

    package var isBlocked: Bool { if case .blocked = self { true } else { false } }

    package var action: Action? { if case .act(let action, _) = self { action } else { nil } }
}

/// A bounded wait: what for, and which look will tell that it is over.
package struct Wait: Sendable, Hashable {
    package var reason: String
    package var look: Look
    /// Seconds until the look is worth repeating.
    package var interval: Double
    /// A second, rarer look that tells why it takes so long.
    package var evidence: Look?

    package init(_ reason: String, look: Look, every interval: Double, evidence: Look? = nil) {
        (self.reason, self.look, self.interval, self.evidence) = (reason, look, interval, evidence)
    }

    /// No look will tell that it is over, but time or what becomes of another node.
    package init(_ reason: String, evidence: Look? = nil) {
        self.init(reason, look: .nothing, every: .infinity, evidence: evidence)
    }
}

/// A read of the world.
package enum Look: Sendable, Hashable, Comparable {
    case vms
    case cluster
    case host(String)
    /// Nothing to read: another node's step or a back-off ends it.
    case nothing
}

package struct Block: Sendable, Hashable {
    package var reason: String
    package var advice: String
    /// So much is gone at once that nothing is made anew: the breaker is open.
    package var isBreaker: Bool

    package init(_ reason: String, advice: String, isBreaker: Bool = false) {
        (self.reason, self.advice, self.isBreaker) = (reason, advice, isBreaker)
    }
}
