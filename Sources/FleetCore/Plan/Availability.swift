import K3s

/// How a node of the cluster is, for the others that could be restarted after it.
package enum Availability: Sendable {
    /// Seconds a node may read ready although its kubelet is gone: the 50 s for which Kubernetes waits, after a beat that may be 10 s old, and a
    /// little (facts/kubernetes.md #1).
    package static let staleReadiness = 65.0

    /// It is not in the cluster and was not before.
    case absent
    /// It was there, and its VM is gone or made again.
    case missing
    case up
    /// Not ready, and not by our doing.
    case silent
    /// Restarted by us so shortly before the cluster was read that its readiness may be that of before; a reading that is asked for after `wall`
    /// and `uptime` will tell. Or it is not ready since, and may come up until `wall`.
    case restarting(isReady: Bool, wall: Double, uptime: Double)

    static func of(_ subject: NodeFacts, _ role: Role, _ facts: FleetFacts) -> Availability {
        guard let node = subject.node else {
            let isMissed = subject.vm == nil && subject.known?.createdAt != nil && subject.removedAt == nil
            // One whose Node somebody deleted, or that does not come up: long ago k3s was started there, and not only by a ledger in doubt.
            let isSetUp = subject.instance.configuration != .notRecorded
            let hasRun = isSetUp && subject.instance.startedAt.map { facts.readTime - $0 > Planner.startDeadline(role) } ?? false
            let isLost =
                subject.known?.previousCreatedAt != nil || isMissed || hasRun || subject.wasRestarted
                || subject.instance.restartedAt != nil
            return isLost ? .missing : .absent
        }
        let isReady = node.ready == .ready && !subject.isStopped(role)
        let start = Start(subject, facts)
        // One that does not come up is down by our doing for as long as k3s may take.
        let patience = isReady ? Self.staleReadiness : Planner.startDeadline(role)
        let isSlow = !isReady && facts.now - start.wall < patience
        // While the outcome of an install is not known its script may still run, and k3s be the one of before.
        let isSeen = subject.unit(role)?.isSteady == true && subject.instance.configuration != .unknown
        let isStale = start.isRecent(facts) && !isSeen
        guard isStale || isSlow || subject.isOutdated else { return isReady ? .up : .silent }
        return .restarting(isReady: isReady, wall: start.wall + patience, uptime: start.uptime + Self.staleReadiness)
    }

    /// When k3s was last started on a node, on both clocks.
    private struct Start {
        var wall: Double
        var uptime: Double

        /// By us; or by the previous holder of the Lease, who may have, as far as this run knows.
        init(_ subject: NodeFacts, _ facts: FleetFacts) {
            wall = subject.instance.startedAt ?? -.infinity
            uptime = max(subject.started ?? -.infinity, facts.leaseTakenAt ?? -.infinity)
        }

        /// Whether the last reading was asked for too soon after it to show how the node is.
        func isRecent(_ facts: FleetFacts) -> Bool {
            let readAt = facts.readAt ?? (facts.now, facts.uptime)
            return readAt.wall < wall + staleReadiness || readAt.uptime < uptime + staleReadiness
        }
    }

    var isDown: Bool {
        switch self {
        case .absent, .up: false
        case .missing, .silent, .restarting: true
        }
    }

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
