import K3s

/// A plan that is kept up. Most of what happens concerns one node, so only that node's line is made anew; what concerns the whole fleet makes all
/// of them anew. It is always the plan that `Planner.plan` makes of the same facts from nothing: the proof by simulation compares them.
package struct Draft: Sendable {
    package private(set) var plan: Plan
    /// Line by line what is decided for each node by itself: what holds over the whole plan, and may be otherwise next time, is in `plan` alone.
    private var own: [Kept] = []
    /// Of each line of `plan`.
    package private(set) var calls: [Call] = []
    /// Lines of `plan` that differ from their own.
    private var overruled: [Int] = []
    /// Of each line whether it may have changed since `markTold`.
    package private(set) var isNews: [Bool] = []
    /// Where a node of the fleet has its line; those of strays come after them.
    private let places: [NodeName: Int]
    private var basis = Basis()
    /// When time alone may change the plan, in seconds since 1970.
    package private(set) var goodUntil = -Double.infinity

    private struct Kept: Sendable {
        var decision: Decision
        /// A node without a VM that no pool asks for.
        var isOrphan = false
        var call: Call
        var availability = Availability.absent
        /// A removal of it was begun.
        var isLeaving = false
        var isCordoned = false
        /// When time alone may change it.
        var goodUntil = Double.infinity
        /// It had its time to join, which the next reading may say it has not; or it is removed, and the next reading may still show its node.
        var isOverdue = false
        /// A reading of the cluster that is asked for later, on both clocks, tells whether it is up; nil when the last one was.
        var staleUntil: (wall: Double, uptime: Double)?
    }

    package init(of facts: FleetFacts) {
        plan = Plan(cluster: facts.fleet.cluster.name, lines: [])
        places = facts.places
    }

    /// Something can be done now.
    package var isActive: Bool { calls.contains { $0.step != nil } }

    /// Something is done or waited for, so that it is not the last word.
    package var isOpen: Bool { calls.contains { $0.step != nil || $0.isWait } }

    /// Lines whose action can be begun and is of this kind.
    func lines(calling step: Step) -> [Int] {
        var lines: [Int] = []
        for line in calls.indices where calls[line].step == step { lines.append(line) }
        return lines
    }

    /// Every line is known to whom it concerns.
    package mutating func markTold() { for index in isNews.indices { isNews[index] = false } }

    /// Of the line's node.
    func availability(_ index: Int) -> Availability { own[index].availability }
    func isLeaving(_ index: Int) -> Bool { own[index].isLeaving }
    func isCordoned(_ index: Int) -> Bool { own[index].isCordoned }

    /// Nodes of which a reading of the cluster that was asked for `at` that moment, on both clocks, tells that they are up again, or never came,
    /// though it shows them as the last one did.
    package func told(at moment: (wall: Double, uptime: Double)) -> [String] {
        own.indices.compactMap { index in
            let isFresh = own[index].staleUntil.map { moment.wall >= $0.wall && moment.uptime >= $0.uptime } ?? false
            return isFresh || own[index].isOverdue ? plan.lines[index].node : nil
        }
    }

    /// Lines of VMs and nodes that no pool asks for.
    var strays: Range<Int> { places.count..<plan.lines.count }

    /// Where a node or VM has its line.
    package func line(of name: String) -> Int? { places[name] ?? strays.first { plan.lines[$0].node == name } }

    /// Takes in what has happened since the last time: to `nodes`, or to everything (nil). What is to be learnt from it is learnt first.
    package mutating func update(_ facts: inout FleetFacts, nodes: [String]? = nil, learning lesson: FleetFacts.Lesson? = nil) {
        if own.isEmpty, facts.seen.isBlank, facts.notes.isEmpty { return startBlank(facts) }
        make(&facts, nodes, lesson)
    }

    /// The same, but that a blank start is as much work as any.
    mutating func make(_ facts: inout FleetFacts, _ nodes: [String]? = nil, _ lesson: FleetFacts.Lesson? = nil) {
        var due = facts.gather(nodes, lesson)
        if basis.update(to: facts) {
            due = .everything(of: places.count)
        } else if goodUntil <= facts.now {
            addOverdue(to: &due, facts.now)
        }
        for place in due.places { facts.compare(at: place) }
        remake(due, facts)
    }

    /// Before anything was seen there is one decision for all; what is known is gathered when something is.
    private mutating func startBlank(_ facts: FleetFacts) {
        reserve(places.count)
        for node in facts.fleet.nodes {
            let line = Plan.Line(node: node.name, pool: node.pool, decision: Planner.unseen, then: [])
            append(line, Kept(decision: line.decision, call: Call(line.decision)))
        }
        goodUntil = .infinity
    }

    /// Something stronger than the line's own decision.
    package mutating func overrule(_ index: Int, _ decision: Decision) {
        plan.lines[index].decision = decision
        (calls[index], isNews[index]) = (Call(decision), true)
        overruled.append(index)
    }

    /// What waits for a control plane that only the operator can bring back need not wait for it.
    private mutating func holdUp(_ facts: FleetFacts) {
        guard let place = facts.serverPlace, calls[place].isBlocked, let server = facts.serverName, !facts.hasControlPlane else {
            return
        }
        let decision = Decision.blocked(Block("its control plane \(server) is blocked", advice: "mend \(server) first"))
        for index in calls.indices where calls[index].isWait && calls[index].look == .cluster { overrule(index, decision) }
    }
}

extension Draft {
    /// Lines to be made anew.
    private typealias Due = FleetFacts.Touched

    /// Those whose time has come.
    private func addOverdue(to due: inout Due, _ now: Double) {
        for index in own.indices where own[index].goodUntil <= now {
            if index >= places.count {
                due.strays?.insert(plan.lines[index].node)
            } else {
                _ = due.touch(index)
            }
        }
    }

    private mutating func remake(_ due: Due, _ facts: FleetFacts) {
        for index in overruled {
            plan.lines[index].decision = own[index].decision
            (calls[index], isNews[index]) = (own[index].call, true)
        }
        overruled.removeAll(keepingCapacity: true)
        if own.isEmpty { reserve(places.count) }
        for place in due.places {
            let (node, subject) = (facts.fleet.nodes[place], facts.subjects[place])
            let line = Planner.line(for: node, subject, facts)
            let new = kept(line.decision, subject, node.role, facts)
            if place < own.count { replace(place, line, new) } else { append(line, new) }
        }
        remakeStrays(due.strays, facts)
        goodUntil = own.reduce(.infinity) { min($0, $1.goodUntil) }
        holdUp(facts)
        Pacing.apply(to: &self, facts)
    }

    /// The lines of these that no pool asks for, or of all of them (nil). Should one come or go, or many be named, all of them are made anew.
    private mutating func remakeStrays(_ names: Set<String>?, _ facts: FleetFacts) {
        guard let names, names.count <= 8 else { return remakeAllStrays(facts) }
        for name in names {
            let index = strays.first { plan.lines[$0].node == name }
            let stray = Planner.stray(name, facts)
            guard let index, let stray, stray.isOrphan == own[index].isOrphan else {
                if index == nil, stray == nil { continue }
                return remakeAllStrays(facts)
            }
            replace(index, stray.line, kept(stray.line.decision, stray.subject, .agent, facts, isOrphan: stray.isOrphan))
        }
    }

    private mutating func remakeAllStrays(_ facts: FleetFacts) {
        let names = facts.strays
        guard !names.isEmpty || !strays.isEmpty else { return }
        let count = own.count - places.count
        own.removeLast(count)
        plan.lines.removeLast(count)
        calls.removeLast(count)
        isNews.removeLast(count)
        let all = names.compactMap { Planner.stray($0, facts) }
        for isOrphan in [false, true] {
            for stray in all where stray.isOrphan == isOrphan {
                append(stray.line, kept(stray.line.decision, stray.subject, .agent, facts, isOrphan: isOrphan))
            }
        }
    }

    private mutating func replace(_ index: Int, _ line: Plan.Line, _ new: Kept) {
        (plan.lines[index], calls[index], isNews[index]) = (line, new.call, true)
        own[index] = new
    }

    private mutating func reserve(_ count: Int) {
        own.reserveCapacity(count)
        plan.lines.reserveCapacity(count)
        calls.reserveCapacity(count)
        isNews.reserveCapacity(count)
    }

    private mutating func append(_ line: Plan.Line, _ new: Kept) {
        own.append(new)
        plan.lines.append(line)
        calls.append(new.call)
        isNews.append(true)
    }

    private func kept(_ decision: Decision, _ subject: Subject, _ role: Role, _ facts: FleetFacts, isOrphan: Bool = false) -> Kept {
        let isDue = subject.record.started.map { $0 + Planner.startDeadline(role) <= facts.now } ?? false
        let call = Call(decision)
        return Kept(
            decision: decision, isOrphan: isOrphan, call: call, availability: Availability.of(subject, role, facts),
            isLeaving: subject.known.map { $0.removal != nil && $0.removal != .returning } ?? false,
            isCordoned: subject.node?.unschedulable == true,
            goodUntil: Planner.goodUntil(subject, role, facts),
            isOverdue: (isDue && call.isWait && subject.node == nil) || subject.record.removed != nil,
            staleUntil: Availability.staleUntil(subject, facts))
    }
}

/// Of what concerns the whole fleet, all that any line may depend on.
private struct Basis: Sendable {
    var isListed = false
    var founder: String?
    var caHash: String?
    var digests: [String: String] = [:]
    var address: String?
    var answeredCA: String?
    /// Why agents cannot be joined, while they cannot.
    var silence: FleetFacts.Silence?
    var strangeness: Block?
    var missing = 0
    var known = 0
    /// With a full budget, how many have the places, and which of them are not listed.
    var occupants: Int?
    var unlisted: Set<String>?

    /// True when any of it has changed.
    mutating func update(to facts: FleetFacts) -> Bool {
        var hasChanged = false
        func set<Fact: Equatable>(_ fact: inout Fact, _ new: Fact) {
            guard fact != new else { return }
            (fact, hasChanged) = (new, true)
        }
        let controlPlane = facts.controlPlane
        set(&isListed, facts.seen.vms != nil)
        set(&founder, facts.ledger.founder)
        set(&caHash, facts.ledger.caHash)
        set(&digests, facts.ledger.digests)
        set(&address, controlPlane?.address)
        set(&answeredCA, controlPlane?.caHash)
        set(&silence, facts.census?.silence)
        set(&strangeness, facts.strangeness)
        let (missing, known) = facts.vanished
        set(&self.missing, missing)
        set(&self.known, known)
        let isFull = facts.occupants >= facts.fleet.limits.maxVMs
        set(&occupants, isFull ? facts.occupants : nil)
        set(&unlisted, isFull ? facts.unlisted : nil)
        return hasChanged
    }
}
