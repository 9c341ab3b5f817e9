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
        let strays = draft.entries.indices.filter { draft.entries[$0].isStray }
        let leaving = strays.filter { draft.entries[$0].decision.action?.step.isDestructive == true }
        guard !leaving.isEmpty else { return }
        let order = leaving.map { (index: $0, progress: progress(draft.entries[$0], facts)) }.sorted { $0.progress > $1.progress }
        // Those that are half gone and cannot go on now, for a back-off, another look or the operator, keep their place.
        let held = strays.map { draft.entries[$0] }.filter {
            $0.decision.action == nil && !$0.decision.isSettled && ($0.isLeaving || $0.isCordoned)
        }
        // And those that one list leaves out.
        let unlisted = facts.ledger.vms.count { name, record in
            record.removal != nil && !facts.isWanted(name) && facts.needsSecondList(record)
                && !strays.contains { draft.entries[$0].line.node == name }
        }
        let places = max(0, limit - held.count - unlisted)
        let isHopeless = places == 0 && unlisted == 0 && held.allSatisfy { $0.decision.isBlocked }
        let reason = Reason.limitReached(.deletionsPerPass, limit)
        let decision: Decision =
            isHopeless
            ? .blocked(.limitHeld(.deletionsPerPass, limit, by: held.map(\.line.node).sorted()))
            : .wait(unlisted > 0 ? Wait(reason, look: .vms, every: 2) : Wait(reason))
        for (index, _) in order.dropFirst(places) { draft.overrule(index, decision) }
    }

    /// What may be cordoned already is finished before anything else is begun. A node that pods are scheduled on has come back since its removal
    /// was begun, or was never reached by it: taking it down takes a place, finishing another one does not.
    private static func progress(_ entry: Draft.Entry, _ facts: FleetFacts) -> Int {
        let isOut = entry.isCordoned || !entry.availability(facts).isMember
        let rank = entry.isLeaving ? (isOut ? 30 : 20) : entry.isCordoned ? 10 : 0
        return rank + 4 - entry.line.then.count
    }

    /// A node that is in the cluster is restarted only while its pool has no more than `maxUnavailable` down.
    static func restarts(_ draft: inout Draft, _ facts: FleetFacts) {
        let restarts = draft.entries.indices.filter {
            draft.entries[$0].calls(for: .install) && draft.entries[$0].availability(facts).isMember
        }
        guard !restarts.isEmpty else { return }
        let limit = facts.fleet.limits.maxUnavailable
        var pools: [String: Outage] = [:]
        for entry in draft.entries {
            let availability = entry.availability(facts)
            if availability.isDown { pools[entry.line.pool, default: .init()].add(availability, entry.line, facts) }
        }
        for index in restarts {
            let (availability, pool) = (draft.entries[index].availability(facts), draft.entries[index].line.pool)
            var outage = pools[pool] ?? .init()
            // One that is down already is taken from nobody: it waits for our own restarts alone, else two that are down wait for each other.
            let others =
                availability.isReady
                ? outage.silent + outage.restarting - (availability.isDown ? 1 : 0)
                : outage.restarting - (availability.isRestarting ? 1 : 0)
            guard others < limit else {
                draft.overrule(index, outage.wait(limit))
                continue
            }
            outage.restarting += availability.isRestarting ? 0 : 1
            if case .silent = availability { outage.silent -= 1 }
            pools[pool] = outage
        }
    }

    /// Who is down in a pool.
    private struct Outage {
        var silent = 0
        var restarting = 0
        /// Seconds until the first of the restarted can be told to be ready.
        private var left = Double.infinity
        /// Of the silent those that need the operator.
        private var blocked: [String] = []

        mutating func add(_ availability: Availability, _ line: Plan.Line, _ facts: FleetFacts) {
            guard case .restarting(_, let wall, let uptime) = availability else {
                silent += 1
                if line.decision.isBlocked { blocked.append(line.node) }
                return
            }
            restarting += 1
            left = min(left, max(wall - facts.now, uptime - facts.uptime))
        }

        /// For one of them to be up again.
        func wait(_ limit: Int) -> Decision {
            if restarting == 0, silent == blocked.count { return .blocked(.limitHeld(.maxUnavailable, limit, by: blocked.sorted())) }
            return .wait(Wait(.limitReached(.maxUnavailable, limit), look: .cluster, every: silent > 0 ? 2 : min(30, max(2, left))))
        }
    }

    /// Seconds a node may look ready although its kubelet is gone: the patience of Kubernetes, 40 s, and a little (facts/k3s.md §8.4).
    package static let staleReadiness = 45.0

    /// Creations of this very plan count too.
    static func budget(_ draft: inout Draft, _ facts: FleetFacts) {
        var occupants = facts.counts.occupants
        let limit = facts.fleet.limits.maxVMs
        for index in draft.entries.indices where draft.entries[index].calls(for: .createVM) {
            if !facts.isOccupant(draft.entries[index].line.node) { occupants += 1 }
            guard occupants > limit else { continue }
            draft.overrule(index, .blocked(.limitHeld(.maxVMs, limit, by: [])))
        }
    }
}

/// How a node of the cluster is for those that could be restarted after it.
enum Availability: Sendable {
    /// It is not in the cluster and was not before.
    case absent
    /// It was there, and its VM is gone or made anew.
    case missing
    case up
    /// Not ready, and not by our doing.
    case silent
    /// Restarted by us so shortly before the cluster was read that its readiness, whatever it is, may be that of before, a reading that is asked
    /// for later than that, on both clocks, will tell; or it is not ready since, and still may come up until `wall`.
    case restarting(isReady: Bool, wall: Double, uptime: Double)

    static func of(_ subject: Subject, _ role: Role, _ facts: FleetFacts) -> Availability {
        guard let node = subject.node else {
            let isMissed = subject.vm == nil && subject.record.createdAt != nil && subject.record.removed == nil
            let isLost = subject.record.former != nil || isMissed
            return isLost ? .missing : .absent
        }
        let isReady = node.ready == .ready
        let (byWall, byUptime) = (subject.record.started ?? -.infinity, subject.started ?? -.infinity)
        let isStale = staleUntil(subject, facts) != nil
        // One that does not come up is down by our doing for as long as k3s may take.
        let patience = isReady ? Pacing.staleReadiness : Planner.startDeadline(role)
        let isSlow = !isReady && facts.now - byWall < patience
        guard isStale || isSlow || subject.isOutdated else { return isReady ? .up : .silent }
        return .restarting(isReady: isReady, wall: byWall + patience, uptime: byUptime + Pacing.staleReadiness)
    }

    /// From when on a reading of the cluster shows how a node is that we restarted; nil when the last one was asked for later than that.
    static func staleUntil(_ subject: Subject, _ facts: FleetFacts) -> (wall: Double, uptime: Double)? {
        let wall = (subject.record.started ?? -.infinity) + Pacing.staleReadiness
        let uptime = (subject.started ?? -.infinity) + Pacing.staleReadiness
        let readAt = facts.readAt ?? (facts.now, facts.uptime)
        return readAt.wall < wall || readAt.uptime < uptime ? (wall, uptime) : nil
    }

    var isDown: Bool {
        switch self {
        case .absent, .up: false
        case .missing, .silent, .restarting: true
        }
    }

    var isRestarting: Bool { if case .restarting = self { true } else { false } }

    var isReady: Bool {
        switch self {
        case .up, .restarting(isReady: true, _, _): true
        case .absent, .missing, .silent, .restarting: false
        }
    }

    var isMember: Bool {
        switch self {
        case .absent, .missing: false
        case .up, .silent, .restarting: true
        }
    }
}
