import K3s

/// The way a node goes. One switch chooses it; what comes next on the way is said in the lifecycle's own file.
enum Lifecycle: Sendable {
    /// From nothing to a settled node of a pool.
    case join(DesiredNode)
    /// Out of the cluster and away, whether or not a pool asks for a node of this name; and why.
    case leave(Role, because: Reason)
    /// Out of the cluster and away, to be made again.
    case replace(DesiredNode, Replacement.Cause)

    static func of(_ name: String, _ facts: FleetFacts) -> Lifecycle {
        guard let want = facts.desired(name) else { return .leave(facts.isOurServer(name) ? .server : .agent, because: .notInFleetFile) }
        return facts.replacementCause(name).map { .replace(want, $0) } ?? .join(want)
    }

    /// Nil: there is nothing of ours to decide about.
    func decide(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        switch self {
        case .join(let want): Join.meanwhile(Join.decide(want, node, facts), want, node, facts)
        case .leave(let role, let reason): Leave(role: role, reason: reason).decide(node, facts)
        case .replace(let want, let cause):
            Leave(role: want.role, reason: cause.reason(node, want), cause: cause).decide(node, facts).map {
                Join.meanwhile($0, want, node, facts)
            }
        }
    }

    /// The steps that are expected after this one.
    func following(_ action: Action, _ node: NodeFacts) -> [StepKind] {
        switch self {
        case .join(let want): Join.following(action, want, node)
        case .leave: Leave.following(action)
        case .replace(let want, _): Join.followingReplacement(action, want, node)
        }
    }

    var role: Role {
        switch self {
        case .join(let want), .replace(let want, _): want.role
        case .leave(let role, _): role
        }
    }

    /// Its node is on its way out.
    var isLeave: Bool { if case .join = self { false } else { true } }
}
