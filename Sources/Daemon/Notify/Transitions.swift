package import FleetCore
import Reconciler

/// A change of state that somebody outside wants to be told of.
package struct Transition: Sendable, Hashable {
    /// The names are for programs: they never change.
    package enum Kind: String, Sendable, Hashable, CaseIterable, Codable {
        /// Everything is as the file asks.
        case settled
        /// It was, and is not any more, though the file is the same.
        case drifted
        /// A node needs the operator.
        case blocked
        /// So much is gone at once that nothing is made again.
        case breakerOpen
        case breakerClosed
        /// A pass came to no end: exe.dev cannot be reached, a token expired, the disk is full.
        case passFailed
        /// Passes come to an end again.
        case recovered
    }

    package var kind: Kind
    package var node: String?
    /// A sentence for people.
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

/// Tells the transitions among what is noticed; the same state is told once. A daemon that starts knows nothing of the one before, so it
/// tells once what it finds: a fleet that is settled, a node that is blocked.
package struct Transitions: Sendable {
    /// Nodes that one pass tells of, one event each; of more than these the last event tells the number.
    static let nodesAtOnce = 16

    private enum Fleet {
        case unknown
        case settled
        /// Settled, and the file was read again since: what is done next was asked for.
        case settledBefore
        case unsettled
    }

    private var fleet = Fleet.unknown
    /// By node: why, as it was reported last.
    private var blocked: [String: Reason.Code] = [:]
    private var breakerIsOpen = false
    private var isFailing = false

    package init() {}

    /// What others are to be told because of this notice.
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
        case .started, .event, .reloadRefused, .stopping: return []
        }
    }

    private mutating func leaveSettled(node: String, reason: String) -> [Transition] {
        defer { if fleet != .unknown { fleet = .unsettled } }
        return fleet == .settled ? [Transition(.drifted, node: node, text: "the fleet was settled and is not", reason: reason)] : []
    }

    private mutating func ended(_ plan: Plan) -> [Transition] {
        var told: [Transition] = []
        if isFailing { told.append(Transition(.recovered, text: "passes come to an end again")) }
        isFailing = false
        if let line = plan.items.first(where: { !$0.decision.isSettled }) {
            told += leaveSettled(node: line.node, reason: line.decision.words)
        }
        told += breaker(plan) + newlyBlocked(plan)
        guard plan.isSettled else { return told }
        if fleet == .unknown || fleet == .unsettled { told.append(Transition(.settled, text: "the fleet is as its file asks")) }
        fleet = .settled
        return told
    }

    private mutating func breaker(_ plan: Plan) -> [Transition] {
        let block = plan.openBreaker
        defer { breakerIsOpen = block != nil }
        switch (breakerIsOpen, block) {
        case (false, let reason?):
            return [Transition(.breakerOpen, text: "the breaker is open", reason)]
        case (true, nil): return [Transition(.breakerClosed, text: "the breaker is closed")]
        default: return []
        }
    }

    /// Those that the breaker holds back are told by its own transition.
    private mutating func newlyBlocked(_ plan: Plan) -> [Transition] {
        let before = blocked
        blocked = [:]
        var told: [Transition] = []
        for line in plan.items {
            guard case .blocked(let reason) = line.decision, !reason.isBreaker else { continue }
            blocked[line.node] = reason.code
            guard before[line.node] != reason.code else { continue }
            told.append(Transition(.blocked, node: line.node, text: "\(line.node) is blocked", reason))
        }
        let surplus = told.count - Self.nodesAtOnce
        guard surplus > 0 else { return told }
        return told.prefix(Self.nodesAtOnce) + [Transition(.blocked, text: "\(surplus) more nodes are blocked")]
    }
}
