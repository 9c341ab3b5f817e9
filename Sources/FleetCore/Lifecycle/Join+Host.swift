import K3s

/// While the VM runs and its node is not in the cluster.
extension Join {
    /// Our tag is on the VM, and the mark of another cluster, or of another ledger, is inside.
    static func otherCluster(_ probe: HostProbe, _ facts: FleetFacts) -> Reason? {
        let isFoundling = probe.clusterID == nil && probe.hasServerData && facts.ledger.founder == nil
        let other = probe.clusterID.flatMap { $0 == facts.ledger.clusterID ? nil : $0 }
        guard other != nil || isFoundling, facts.holds(.otherCluster) else { return nil }
        return .hostOfOtherCluster(id: other)
    }

    static func bare(_ want: DesiredNode, _ probe: HostProbe, _ facts: FleetFacts) -> Decision {
        if let reason = otherCluster(probe, facts) { return .blocked(reason) }
        // A job that never ends keeps nobody from using the host; one without systemd refuses.
        guard probe.isBooted || probe.isLate else {
            return .wait(Wait(.hostBooting(systemd: probe.systemd, jobs: probe.jobs), read: .host(want.name), every: 1))
        }
        // Its node may be missing only because the API is silent: what runs there is not changed under it.
        if probe.runs(want.role), let version = probe.binaryVersion, let reason = downgrade(version, want, facts) {
            return .blocked(reason)
        }
        let release = facts.release(for: want)
        let host = HostPreparation(
            node: want.name, role: want.role, version: release, expectedSHA256: facts.ledger.digests[release.description],
            clusterID: facts.ledger.clusterID, clusterCIDR: facts.ledger.clusterCIDR, serviceCIDR: facts.ledger.serviceCIDR,
            overlay: facts.fleet.cluster.overlay.login)
        // The script holds the key, whether or not the host will need it.
        if let reason = facts.missingCredential { return .blocked(reason) }
        return .act(.prepare(Prepare(host)), .hostUnprepared)
    }

    static func prepared(
        _ want: DesiredNode, _ probe: HostProbe, _ overlay: String, _ node: NodeFacts, _ facts: FleetFacts
    ) -> Decision {
        if let reason = otherCluster(probe, facts) { return .blocked(reason) }
        if let decision = lockedOut(probe) { return decision }
        // Its member is that of a disk which is no more.
        if let reading = node.node, facts.joins(want.name), !probe.hasServerData || reading.internalIP != overlay {
            return (probe.hasServerData ? nil : withoutMachine(want, facts)) ?? .blocked(.serverMemberLeft(name: want.name))
        }
        return notJoinable(want, node, facts) ?? .act(facts.install(want, overlay: overlay), notRunning(want.role, probe, node))
    }

    /// Where our own install had come to its end, and no removal of ours had begun, somebody else stopped it.
    private static func notRunning(_ role: Role, _ probe: HostProbe, _ node: NodeFacts) -> Reason {
        guard let unit = probe.unit(role), probe.configHash != nil, node.instance.configuration != .unknown, node.leaveStage == nil else {
            return .k3sNotInstalled
        }
        return .k3sStopped(unit: role.unit, unit)
    }

    /// What keeps an agent, or a server that founds nothing, from being joined.
    private static func notJoinable(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard want.role == .agent || facts.joins(want.name) else { return nil }
        if !facts.controlPlane.answers {
            if want.role == .server, facts.ledger.caHash == nil, let founder = facts.controlPlane.contact {
                return .wait(Wait(.serversUnsettled(.founding(founder)), read: .cluster, every: 1))
            }
            if want.role == .server, let loss = facts.quorumLoss { return .blocked(loss) }
            return .wait(Wait(facts.controlPlane.reason, read: .cluster, every: 1))
        }
        return node.instance.hasStaleIdentity ? purge(want, node) : nil
    }

    static func purge(_ want: DesiredNode, _ node: NodeFacts) -> Decision {
        .act(.purgeIdentity(PurgeIdentity(node: want.name, sparing: node.host?.overlay)), .identityStale)
    }

    static func installed(
        _ want: DesiredNode, _ probe: HostProbe, _ overlay: String, _ node: NodeFacts, _ facts: FleetFacts
    ) -> Decision {
        if let reason = otherCluster(probe, facts) { return .blocked(reason) }
        if let decision = lockedOut(probe) { return decision }
        if let decision = notJoinable(want, node, facts) ?? runningServer(want, probe, node, facts) { return decision }
        let action = facts.install(want, overlay: overlay)
        guard node.instance.startedAt != nil, facts.sets(action, node.instance.configuration) else {
            return .act(action, .installInterrupted)
        }
        return joining(want, probe, node, facts)
    }

    /// A server that is up is changed when the cluster says how the others are, and not because one reading of it failed. systemd calls it
    /// active once the API answered (facts/k3s.md §8.2).
    private static func runningServer(_ want: DesiredNode, _ probe: HostProbe, _ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard want.role == .server, facts.ledger.caHash != nil, probe.server?.active == "active" else { return nil }
        let hadItsTime = node.instance.startedAt.map { facts.readTime - $0 > Planner.startDeadline(.server) } ?? true
        if facts.clusterAnswers, hadItsTime { return .blocked(.serverNotRegistered(name: want.name)) }
        return .wait(Wait(facts.controlPlane.reason, read: .cluster, every: 1, diagnostics: .host(want.name)))
    }

    private static func joining(_ want: DesiredNode, _ probe: HostProbe, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        let unit = probe.unit(want.role)
        guard hadItsTime(node, want.role, facts) else {
            return .wait(
                Wait(.k3sJoining(unit: unit, journal: probe.journal), read: .cluster, every: 0.5, diagnostics: .host(want.name)))
        }
        // Once: one that does not join then has another reason.
        if want.role == .agent, unit?.active == "active", node.instance.restartedAt == nil {
            return .act(.restart(Restart(node: want.name, role: .agent)), .nodeNotRegistered)
        }
        let seconds = Int(Planner.startDeadline(want.role))
        return .blocked(.k3sDidNotJoin(node: want.name, role: want.role, seconds: seconds, journal: probe.journal))
    }

    /// Whether k3s was started so long ago, by both clocks, that it should have joined: an agent by the last reading, for the cluster may have
    /// been silent since; a server that does not come up cannot be read.
    private static func hadItsTime(_ node: NodeFacts, _ role: Role, _ facts: FleetFacts) -> Bool {
        let (wall, uptime) = role == .agent ? (facts.readTime, facts.readAt?.uptime ?? facts.uptime) : (facts.now, facts.uptime)
        guard let started = node.instance.startedAt, wall - started > Planner.startDeadline(role) else { return false }
        return node.started.map { uptime - $0 >= Planner.startDeadline(role) } ?? true
    }

    static func downgrade(_ version: K3sVersion, _ want: DesiredNode, _ facts: FleetFacts) -> Reason? {
        guard version > want.k3s, facts.holds(.versionStays) else { return nil }
        return .downgrade(from: version, to: want.k3s)
    }
}
