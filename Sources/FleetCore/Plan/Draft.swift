import K3s

/// A plan in the making: each line with what it was made of, so that limits over the whole fleet can overrule it.
struct Draft {
    struct Entry {
        var line: Plan.Line
        let subject: Subject
        let role: Role
        /// Nobody asks for it.
        var isStray = false

        var decision: Decision { line.decision }
        func calls(for step: StepKind) -> Bool { line.decision.action?.step == step }
        /// A removal of it was begun.
        var isLeaving: Bool { subject.known.map { $0.removal != nil && $0.removal != .returning } ?? false }
        var isCordoned: Bool { subject.node?.unschedulable == true }
        func availability(_ facts: FleetFacts) -> Availability { .of(subject, role, facts) }
    }

    var entries: [Entry]

    init(of facts: FleetFacts) {
        entries = facts.fleet.nodes.map { node in
            let subject = Subject.of(node.name, facts)
            return Entry(line: Planner.line(for: node, subject, facts), subject: subject, role: node.role)
        }
        let strays = facts.counts.strays.compactMap { Planner.stray($0, facts) }
        for isOrphan in [false, true] {
            entries += strays.filter { $0.isOrphan == isOrphan }.map {
                Entry(line: $0.line, subject: $0.subject, role: .agent, isStray: true)
            }
        }
    }

    mutating func overrule(_ index: Int, _ decision: Decision) { entries[index].line.decision = decision }

    /// What waits for a control plane that only the operator can bring back need not wait for it.
    mutating func holdUp(_ facts: FleetFacts) {
        guard let server = facts.serverName, !facts.hasControlPlane,
            entries.first(where: { $0.line.node == server })?.decision.isBlocked == true
        else { return }
        let decision = Decision.blocked(.controlPlaneBlocked(server: server))
        for index in entries.indices {
            if case .wait(let wait) = entries[index].decision, wait.look == .cluster { overrule(index, decision) }
        }
    }
}

/// What is counted over the whole fleet, once a plan.
package struct FleetCounts: Sendable {
    /// How many VMs count against `limits.maxVMs`; see `FleetFacts.isOccupant`.
    var occupants = 0
    /// How many VMs of the ledger the list lacks, and of how many; those that we were removing ourselves are no loss.
    var vanished = (count: 0, of: 0)
    /// What no pool asks for, and is ours or was.
    var strays: [String] = []

    init(_ facts: FleetFacts) {
        let (vms, isListed) = (facts.seen.vms ?? [:], facts.seen.vms != nil)
        for node in facts.fleet.nodes {
            let record = facts.ledger.vms[node.name]
            if facts.isOccupant(node.name, vms[node.name], record) { occupants += 1 }
            guard isListed, let record, record.createdAt != nil, record.removal == nil, record.removed == nil else { continue }
            vanished.of += 1
            if vms[node.name] == nil { vanished.count += 1 }
        }
        if facts.isAttended { vanished = (0, 0) }
        let others = Set(vms.keys).union(facts.ledger.vms.keys).union(facts.notes.keys).filter { !facts.isWanted($0) }
        for name in others.sorted() {
            let record = facts.ledger.vms[name]
            let isOccupant = facts.isOccupant(name, vms[name], record)
            if isOccupant { occupants += 1 }
            if isOccupant || record?.removed != nil { strays.append(name) }
        }
    }
}

extension FleetFacts {
    /// It counts against `limits.maxVMs`: it was seen, is being made, was here and one list may have left it out, or was refused, for the VM of
    /// that name may be ours.
    func isOccupant(_ name: String) -> Bool { isOccupant(name, seen.vms?[name], ledger.vms[name]) }

    fileprivate func isOccupant(_ name: String, _ vm: ObservedVM?, _ record: Ledger.VMRecord?) -> Bool {
        vm.map(isOwned) == true || record?.isOccupant == true || notes[name]?.refusal != nil
    }

    /// Those of them that the list lacks.
    var unlisted: [String] {
        guard let vms = seen.vms else { return [] }
        return Set(fleet.nodes.map { $0.name } + counts.strays).filter { vms[$0] == nil && isOccupant($0) }.sorted()
    }
}
