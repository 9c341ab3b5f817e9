import K3s

/// Limits that hold over the whole plan, granted in one order: an action that exceeds one waits for its turn.
enum Limits {
    static func grant(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        if facts.holds(.deletionsPerPass) { grantDeletions(&nodes, facts) }
        Rollout.grant(&nodes, facts)
        if facts.holds(.maxUnavailable) { grantRestarts(&nodes, facts) }
        if facts.holds(.maxVMs) { grantVMs(&nodes, facts) }
        if facts.holds(.oneServerAtATime) { grantServerChanges(&nodes, facts) }
    }

    /// At most `deletionsPerPass` nodes are on their way out at a time; those that began come first.
    private static func grantDeletions(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        let limit = facts.fleet.limits.deletionsPerPass
        let leaving = nodes.indices.filter { nodes[$0].lifecycle.isLeave || nodes[$0].beginsReplacement(facts) }
        let order = leaving.filter { nodes[$0].takes(.deletionsPerPass) }.map { (index: $0, progress: progress(nodes[$0], facts)) }
            .sorted { $0.progress > $1.progress }
        guard !order.isEmpty else { return }
        // Those that are half gone and cannot go on now, for a back-off, another read or the operator, keep their place; not so one that keeps
        // its pods, or that is not begun before the maintenance window opens.
        let held = leaving.map { nodes[$0] }.filter {
            $0.action == nil && !$0.decision.isSettled && ($0.isLeaving || $0.isCordoned)
                && ![.drainBlocked, .windowClosed].contains($0.decision.reason?.code)
        }
        let unlisted = unlistedRemovals(Set(leaving.map { nodes[$0].name }), facts)
        let free = max(0, limit - held.count - unlisted.count)
        let isHopeless = free == 0 && unlisted.isEmpty && held.allSatisfy { $0.decision.isBlocked }
        let takers = held.map(\.name) + unlisted + order.prefix(free).map { nodes[$0.index].name }
        let reason = Reason.limitReached(.deletionsPerPass, limit, by: takers.sorted())
        let decision: Decision =
            isHopeless
            ? .blocked(.limitHeld(.deletionsPerPass, limit, by: held.map(\.name).sorted()))
            : .wait(unlisted.isEmpty ? Wait(reason) : Wait(reason, read: .vms, every: 2))
        for (index, _) in order.dropFirst(free) { nodes[index].overrule(decision) }
    }

    /// Removals under way whose VM one list leaves out.
    private static func unlistedRemovals(_ leaving: Set<String>, _ facts: FleetFacts) -> [String] {
        facts.ledger.nodes.filter { name, record in
            let isGoing = !facts.isWanted(name) || facts.replacementCause(name) != nil
            return record.leaveStage != nil && isGoing && facts.needsSecondList(record) && !leaving.contains(name)
        }.map(\.key)
    }

    /// A node that may be cordoned already is finished before anything else is begun. One that pods are scheduled on has come back since its
    /// removal was begun, or was never reached by it: taking it down takes a place, finishing another one does not.
    private static func progress(_ node: PlannedNode, _ facts: FleetFacts) -> Int {
        let isOut = node.isCordoned || !node.availability(facts).isMember
        let rank = node.isLeaving ? (isOut ? 30 : 20) : node.isCordoned ? 10 : 0
        return rank + (node.action.map(Leave.progress) ?? 0)
    }

    /// A node that is in the cluster is restarted only while its pool has no more than `maxUnavailable` down.
    private static func grantRestarts(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        let restarts = nodes.indices.filter {
            nodes[$0].takes(.maxUnavailable) && nodes[$0].availability(facts).isMember || nodes[$0].beginsReplacement(facts)
        }
        guard !restarts.isEmpty else { return }
        var pools: [String: Disruption] = [:]
        for node in nodes where node.isOut(facts) { pools[node.item.pool, default: .init()].add(node, facts) }
        let sizes = facts.fleet.nodes.reduce(into: [String: Int]()) { $0[$1.pool, default: 0] += 1 }
        for index in restarts {
            let (availability, pool) = (nodes[index].availability(facts), nodes[index].item.pool)
            let limit = facts.fleet.limits.maxUnavailable.count(of: sizes[pool] ?? 0)
            // What is down by itself is taken from nobody, and what is out of service by our doing has its place.
            if nodes[index].isKnownDown || nodes[index].isOutByUs(facts) {
                pools[pool, default: .init()].repair(nodes[index].name)
                continue
            }
            guard pools[pool, default: .init()].grant(nodes[index].name, availability, limit) else {
                nodes[index].overrule(pools[pool, default: .init()].wait(limit, for: nodes[index].name))
                continue
            }
        }
    }

    /// Creations of this very plan count too.
    private static func grantVMs(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        var occupants = facts.counts.occupants
        let limit = facts.fleet.limits.maxVMs
        for index in nodes.indices where nodes[index].takes(.maxVMs) {
            if !facts.isOccupant(nodes[index].name) { occupants += 1 }
            guard occupants > limit else { continue }
            nodes[index].overrule(.blocked(.limitHeld(.maxVMs, limit, by: [])))
        }
    }
}

extension PlannedNode {
    /// Out of service by our doing, and back soon.
    fileprivate func isOutByUs(_ facts: FleetFacts) -> Bool { subject.isInMaintenance || facts.isBeingReplaced(name) }

    /// It is taken out of service to be made again.
    fileprivate func beginsReplacement(_ facts: FleetFacts) -> Bool { action.map(facts.beginsReplacement) ?? false }
}

/// The nodes of a pool that are down.
private struct Disruption {
    private var silent: Set<String> = []
    private var restarting: Set<String> = []
    /// Seconds until the first of the restarted nodes can be observed to be ready.
    private var left = Double.infinity
    /// Of the silent nodes those that need the operator.
    private var blocked: Set<String> = []

    mutating func add(_ node: PlannedNode, _ facts: FleetFacts) {
        if node.isOutByUs(facts), !node.decision.isBlocked {
            restarting.insert(node.name)
            return
        }
        guard case .restarting(_, let wall, let uptime) = node.availability(facts), !node.isOutByUs(facts) else {
            silent.insert(node.name)
            if node.decision.isBlocked { blocked.insert(node.name) }
            return
        }
        restarting.insert(node.name)
        left = min(left, max(wall - facts.now, uptime - facts.uptime))
    }

    /// A node whose k3s does not run is set up again: nothing is taken from anybody, so it waits for nobody.
    mutating func repair(_ name: String) {
        restarting.insert(name)
        silent.remove(name)
    }

    /// Whether another node, which is so available, may be restarted; if so it counts from now on. A node that is down already is taken from
    /// nobody: it waits for our own restarts alone, else two that are down wait for each other.
    mutating func grant(_ name: String, _ availability: Availability, _ limit: Int) -> Bool {
        let down = availability.isReady ? restarting.union(silent) : restarting
        guard down.subtracting([name]).count < limit else { return false }
        repair(name)
        return true
    }

    /// For one of the others to be up again.
    func wait(_ limit: Int, for name: String) -> Decision {
        if restarting.isEmpty, silent == blocked { return .blocked(.limitHeld(.maxUnavailable, limit, by: blocked.sorted())) }
        let reason = Reason.limitReached(
            .maxUnavailable, limit, by: restarting.union(silent).subtracting([name]).sorted(), isRestart: silent.subtracting([name]).isEmpty
        )
        return .wait(Wait(reason, read: .cluster, every: silent.isEmpty ? min(30, max(2, left)) : 2))
    }
}
