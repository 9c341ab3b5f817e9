import K3s

/// Limits that hold over the whole plan: what exceeds them waits for a place.
package enum Pacing {
    static func apply(to draft: inout Draft, _ facts: FleetFacts) {
        if facts.holds(.deletionsPerPass) { deletions(&draft, facts) }
        if facts.holds(.maxUnavailable) { restarts(&draft, facts) }
        if facts.holds(.maxVMs) { budget(&draft, facts) }
    }

    /// At most `deletionsPerPass` nodes are on their way out at a time; those that began come first.
    static func deletions(_ draft: inout Draft, _ facts: FleetFacts) {
        let limit = facts.fleet.limits.deletionsPerPass
        let lines = draft.plan.lines
        let leaving = lines.indices.filter { lines[$0].decision.action?.step.isDestructive == true }
        guard !leaving.isEmpty else { return }
        let order = leaving.sorted { progress(lines[$0], facts) > progress(lines[$1], facts) }
        // Those that are half gone and wait, for a back-off or another look, keep their place.
        let waiting = lines.count { line in
            guard case .wait = line.decision, !draft.isWanted(line.node) else { return false }
            return facts.record(line.node).removal != nil || facts.seen.node(line.node)?.unschedulable == true
        }
        // And those that one list leaves out.
        let listed = Set(lines.map(\.node))
        let unlisted = facts.ledger.vms.count { name, record in
            record.removal != nil && !draft.isWanted(name) && !listed.contains(name) && facts.needsSecondList(name)
        }
        for index in order.dropFirst(max(0, limit - waiting - unlisted)) {
            draft.overrule(
                index, .wait(Wait("limits.deletionsPerPass is \(limit)", look: unlisted > 0 ? .vms : .nothing, every: 2)))
        }
    }

    /// What may be cordoned already is finished before anything else is begun.
    private static func progress(_ line: Plan.Line, _ facts: FleetFacts) -> Int {
        (facts.record(line.node).removal == nil ? 0 : 10) + 4 - line.then.count
    }

    /// A node that is in the cluster is restarted only while its pool has no more than `maxUnavailable` down.
    static func restarts(_ draft: inout Draft, _ facts: FleetFacts) {
        let lines = draft.plan.lines
        let restarts = lines.indices.filter { index in
            if case .act(.install, _) = lines[index].decision { facts.seen.node(lines[index].node) != nil } else { false }
        }
        guard !restarts.isEmpty else { return }
        let limit = facts.fleet.limits.maxUnavailable
        var (down, restarting): ([String: Set<String>], [String: Set<String>]) = ([:], [:])
        for line in lines where isRestarting(line.node, facts) { restarting[line.pool, default: []].insert(line.node) }
        for line in lines where isDown(line.node, facts) { down[line.pool, default: []].insert(line.node) }
        for index in restarts {
            let (name, pool) = (lines[index].node, lines[index].pool)
            // One that is down already is taken from nobody: it waits for our own restarts alone, else two that are down wait for each other.
            let isUp = facts.seen.node(name)?.ready == .ready
            let others = (isUp ? down : restarting)[pool, default: []].subtracting([name])
            guard others.count < limit else {
                draft.overrule(index, .wait(Wait("limits.maxUnavailable is \(limit)", look: .cluster, every: 2)))
                continue
            }
            down[pool, default: []].insert(name)
            restarting[pool, default: []].insert(name)
        }
    }

    /// Seconds a node may look ready although its kubelet is gone: the patience of Kubernetes, 40 s, and a little (facts/k3s.md §8.4).
    package static let staleReadiness = 45.0

    /// Not ready, or restarted so lately that its readiness is still that of before.
    private static func isDown(_ name: String, _ facts: FleetFacts) -> Bool {
        guard let node = facts.seen.node(name) else { return false }
        return node.ready != .ready || isRestarting(name, facts)
    }

    private static func isRestarting(_ name: String, _ facts: FleetFacts) -> Bool {
        guard facts.seen.node(name) != nil else { return false }
        let byWall = facts.record(name).started.map { facts.now - $0 } ?? .infinity
        let byUptime = facts.started[name].map { facts.uptime - $0 } ?? .infinity
        return facts.seen.outdated.contains(name) || byUptime < staleReadiness || (0..<staleReadiness).contains(byWall)
    }

    /// Creations of this very plan count too.
    static func budget(_ draft: inout Draft, _ facts: FleetFacts) {
        let lines = draft.plan.lines
        let creations = lines.indices.filter { if case .act(.createVM, _) = lines[$0].decision { true } else { false } }
        guard !creations.isEmpty else { return }
        var occupants = facts.occupants
        let limit = facts.fleet.limits.maxVMs
        for index in creations {
            occupants.insert(lines[index].node)
            guard occupants.count > limit else { continue }
            draft.overrule(index, .blocked(Block("limits.maxVMs is \(limit)", advice: "raise limits.maxVMs or shrink a pool")))
        }
    }
}
