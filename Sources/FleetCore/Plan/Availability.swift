import K3s

/// How a node of the cluster is, for the others that could be restarted after it.
package enum Availability: Sendable {
    /// Seconds a node may read ready although its kubelet is gone: the patience of Kubernetes, 40 s, and a little (facts/k3s.md §8.4).
    package static let staleReadiness = 45.0

    /// It is not in the cluster and was not before.
    case absent
    /// It was there, and its VM is gone or made again.
    case missing
    case up
    /// Not ready, and not by our doing.
    case silent
    /// Restarted by us so shortly before the cluster was read that its readiness, whatever it is, may be that of before, a reading that is asked
    /// for later than that, on both clocks, will tell; or it is not ready since, and still may come up until `wall`.
    case restarting(isReady: Bool, wall: Double, uptime: Double)

    static func of(_ subject: NodeFacts, _ role: Role, _ facts: FleetFacts) -> Availability {
        guard let node = subject.node else {
            let isMissed = subject.vm == nil && subject.known?.createdAt != nil && subject.removedAt == nil
            let isLost = subject.known?.previousCreatedAt != nil || isMissed
            return isLost ? .missing : .absent
        }
        let isReady = node.ready == .ready
        let (byWall, byUptime) = (subject.instance.startedAt ?? -.infinity, subject.started ?? -.infinity)
        let isStale = staleUntil(subject, facts) != nil
        // One that does not come up is down by our doing for as long as k3s may take.
        let patience = isReady ? Self.staleReadiness : Planner.startDeadline(role)
        let isSlow = !isReady && facts.now - byWall < patience
        guard isStale || isSlow || subject.isOutdated else { return isReady ? .up : .silent }
        return .restarting(isReady: isReady, wall: byWall + patience, uptime: byUptime + Self.staleReadiness)
    }

    /// From when on a reading of the cluster shows how a node is that we restarted; nil when the last one was asked for later than that.
    static func staleUntil(_ subject: NodeFacts, _ facts: FleetFacts) -> (wall: Double, uptime: Double)? {
        let wall = (subject.instance.startedAt ?? -.infinity) + Self.staleReadiness
        let uptime = (subject.started ?? -.infinity) + Self.staleReadiness
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
