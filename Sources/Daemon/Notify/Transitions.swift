package import FleetCore
import Reconciler

/// A change of state that a webhook or hook receives.
package struct Transition: Sendable, Hashable {
    /// Programs rely on the names: they never change.
    package enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        /// The fleet is as the fleet file asks.
        case settled
        /// The fleet was settled and is not, and the file did not change.
        case drifted
        /// A node needs the operator.
        case blocked
        /// Too many VMs are gone at once: none is created.
        case breakerOpen
        case breakerClosed
        /// A pass failed: exe.dev cannot be reached, a token expired, the disk is full.
        case passFailed
        /// Passes succeed again.
        case recovered
        /// An operator holds the fleet.
        case paused
        case resumed
    }

    package var kind: Kind
    package var node: String?
    /// A sentence for the operator.
    package var text: String
    package var reason: String?
    /// Of the reason; nil where it is no node's.
    package var code: Reason.Code?
    /// What the operator can do.
    package var advice: String?

    package init(_ kind: Kind, node: String? = nil, text: String, reason: String? = nil, advice: String? = nil) {
        (self.kind, self.node, self.text, self.reason, self.advice) = (kind, node, text, reason, advice)
    }

    init(_ kind: Kind, node: String? = nil, text: String, _ reason: Reason) {
        self.init(kind, node: node, text: text, reason: reason.text, advice: reason.advice)
        code = reason.code
    }
}

/// Derives transitions from notices; an unchanged state is reported once. A daemon that starts does not know the state before, so it
/// reports what it finds: a fleet that is settled, a node that is blocked.
package struct Transitions: Sendable {
    /// Events for nodes in one pass. If there are more nodes, the last event has their number.
    static let nodesAtOnce = 16

    private enum Fleet {
        case unknown
        case settled
        /// Settled before a new file took effect: the next change is intended, no drift.
        case settledBefore
        case unsettled
    }

    private var fleet = Fleet.unknown
    /// The reported reason of each blocked node.
    private var blocked: [String: Reason.Code] = [:]
    private var breakerIsOpen = false
    private var isFailing = false

    package init() {}

    /// The transitions of this notice.
    package mutating func note(_ notice: Notice) -> [Transition] {
        switch notice {
        case .event(.actionStarted(let action, let reason)):
            return leaveSettled(node: action.node, reason: "\(action.words): \(reason.text)")
        case .passEnded(let result, _): return ended(result.plan)
        case .passFailed(let reason, _, _):
            defer { isFailing = true }
            return isFailing ? [] : [Transition(.passFailed, text: "the pass failed", reason: reason)]
        case .reloaded:
            if fleet == .settled { fleet = .settledBefore }
            return []
        case .paused(let pause): return [Transition(.paused, text: "the fleet is paused", reason: pause.words)]
        case .resumed: return [Transition(.resumed, text: "the fleet is not paused any more")]
        case .started, .event, .reloadRefused, .stopping: return []
        }
    }

    private mutating func leaveSettled(node: String, reason: String) -> [Transition] {
        defer { if fleet != .unknown { fleet = .unsettled } }
        return fleet == .settled ? [Transition(.drifted, node: node, text: "the fleet was settled and is not", reason: reason)] : []
    }

    private mutating func ended(_ plan: Plan) -> [Transition] {
        var transitions: [Transition] = []
        if isFailing { transitions.append(Transition(.recovered, text: "passes succeed again")) }
        isFailing = false
        if let line = plan.items.first(where: { !$0.decision.isSettled }) {
            transitions += leaveSettled(node: line.node, reason: line.decision.words)
        }
        transitions += breaker(plan) + newlyBlocked(plan)
        guard plan.isSettled else { return transitions }
        if fleet == .unknown || fleet == .unsettled { transitions.append(Transition(.settled, text: "the fleet is as its file declares")) }
        fleet = .settled
        return transitions
    }

    private mutating func breaker(_ plan: Plan) -> [Transition] {
        let reason = plan.openBreaker
        defer { breakerIsOpen = reason != nil }
        switch (breakerIsOpen, reason) {
        case (false, let reason?): return [Transition(.breakerOpen, text: "the breaker is open", reason)]
        case (true, nil): return [Transition(.breakerClosed, text: "the breaker is closed")]
        default: return []
        }
    }

    /// Nodes that the breaker blocks are left out: the breaker has a transition of its own.
    private mutating func newlyBlocked(_ plan: Plan) -> [Transition] {
        let before = blocked
        blocked = [:]
        var transitions: [Transition] = []
        for line in plan.items {
            guard case .blocked(let reason) = line.decision, !reason.isBreaker else { continue }
            blocked[line.node] = reason.code
            guard before[line.node] != reason.code else { continue }
            transitions.append(Transition(.blocked, node: line.node, text: "\(line.node) is blocked", reason))
        }
        let surplus = transitions.count - Self.nodesAtOnce
        guard surplus > 0 else { return transitions }
        return transitions.prefix(Self.nodesAtOnce) + [Transition(.blocked, text: "\(surplus) more nodes are blocked")]
    }
}
