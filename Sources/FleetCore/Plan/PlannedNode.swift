import K3s

/// An item of a plan in the making, with what it was made of, so that limits over the whole fleet can overrule it.
struct PlannedNode {
    var item: Plan.Item
    let subject: NodeFacts
    let lifecycle: Lifecycle

    /// Nil for a name of which nothing is ours.
    static func of(_ name: String, _ facts: FleetFacts) -> PlannedNode? {
        let (subject, lifecycle) = (NodeFacts.of(name, facts), Lifecycle.of(name, facts))
        guard let decision = lifecycle.decide(subject, facts) else { return nil }
        let pool = facts.desired(name)?.pool ?? subject.node?.labels["exedev.dev/pool"] ?? "-"
        let then = decision.action.map { lifecycle.following($0, subject) } ?? []
        let item = Plan.Item(node: name, pool: pool, decision: decision, then: then)
        var node = PlannedNode(item: item, subject: subject, lifecycle: lifecycle)
        node.overrule(Planner.admitted(decision, subject, facts))
        return node
    }

    var name: String { item.node }
    var decision: Decision { item.decision }
    var action: Action? { decision.action }
    /// A removal of it was begun.
    var isLeaving: Bool { subject.leaveStage.map { $0 != .returning } ?? false }
    /// k3s does not run there, as the host itself says.
    var isKnownDown: Bool { subject.isKnownDown(lifecycle.role) }
    var isCordoned: Bool { subject.node?.unschedulable == true }

    func takes(_ limit: LimitName) -> Bool { action?.step.takes == limit }
    func availability(_ facts: FleetFacts) -> Availability { .of(subject, lifecycle.role, facts) }

    /// It counts against `limits.maxUnavailable`.
    func isOut(_ facts: FleetFacts) -> Bool {
        subject.isInMaintenance || facts.isBeingReplaced(name) || availability(facts).isDown
    }

    /// A step that has to wait is still to come: who approves the plan approves it.
    mutating func overrule(_ decision: Decision) {
        if decision.isBlocked { item.then = [] }
        if case .wait = decision, let action { item.then.insert(action.kind, at: 0) }
        item.decision = decision
    }
}
