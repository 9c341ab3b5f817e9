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
        let admitted = Planner.admitted(decision, subject, facts)
        let item = Plan.Item(
            node: name, pool: pool, decision: admitted, then: admitted.action.map { lifecycle.following($0, subject) } ?? [])
        return PlannedNode(item: item, subject: subject, lifecycle: lifecycle)
    }

    var name: String { item.node }
    var decision: Decision { item.decision }
    var action: Action? { decision.action }
    /// A removal of it was begun.
    var isLeaving: Bool { subject.leaveStage.map { $0 != .returning } ?? false }
    var isCordoned: Bool { subject.node?.unschedulable == true }

    func takes(_ limit: LimitName) -> Bool { action?.step.takes == limit }
    func availability(_ facts: FleetFacts) -> Availability { .of(subject, lifecycle.role, facts) }
    mutating func overrule(_ decision: Decision) { item.decision = decision }
}
