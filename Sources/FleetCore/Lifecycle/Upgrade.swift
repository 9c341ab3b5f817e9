import K3s
import Shell

/// The way of a node to another release of k3s: stage → (a server: snapshot) → cordon and drain → upgrade → uncordon. Rules of a node in the
/// cluster, among those of `Join`; which node may begin is said in `Rollout`.
enum Upgrade {
    /// Seconds for which a copy of the datastore is new enough for an upgrade to begin.
    static let snapshotLasts = 6 * 3600.0

    /// What a node that is in service again has behind it, and one that is not due any more.
    static let ended: Join.Rule = { joined, facts in
        guard joined.isInMaintenance, !joined.awaitsItsUpgrade(facts), !joined.node.awaitsItsRestart else { return nil }
        let isServer = joined.want.role == .server
        return .act(.uncordon(Uncordon(node: joined.want.name, after: .maintenance, isServer: isServer)), .maintenanceOver)
    }

    /// The new binary is put beside the old one before anything else is done there: it takes nothing from anybody.
    static let staged: Join.Rule = { joined, facts in
        guard case .release(let target)? = joined.hop(facts), let from = joined.reading.version, joined.reading.ready == .ready,
            !joined.isInMaintenance, hindrance(joined, to: target, facts) == nil
        else { return nil }
        guard case .probed(let probe)? = joined.node.host else { return joined.node.unprobed }
        return staging(joined, from, target, probe, facts)
    }

    /// Nil where the right bytes are staged.
    private static func staging(
        _ joined: JoinedNode, _ from: K3sVersion, _ target: K3sVersion, _ probe: HostProbe, _ facts: FleetFacts
    ) -> Decision? {
        let digest = facts.ledger.digests[target.description]
        if let digest, probe.stagedVersion == target, probe.stagedSHA256 == digest { return nil }
        return .act(.stageK3s(StageK3s(node: joined.want.name, version: target, digest: digest)), .upgradeDue(from: from, to: target))
    }

    static let due: Join.Rule = { joined, facts in
        guard let from = joined.reading.version, let hop = joined.hop(facts) else { return nil }
        switch hop {
        case .missing(let minor): return .blocked(.upgradeSkipsMinor(from: from, to: joined.want.k3s, missing: minor))
        case .release(let target): return hindrance(joined, to: target, facts) ?? step(joined, from: from, to: target, facts)
        }
    }

    /// What only the operator can change before it begins, or goes on.
    private static func hindrance(_ joined: JoinedNode, to target: K3sVersion, _ facts: FleetFacts) -> Decision? {
        if let plans = facts.reading?.upgradePlans, !plans.isEmpty { return .blocked(.upgradeControllerAtWork(plans: plans)) }
        guard let failed = facts.failedUpgrade(of: joined.node, to: target) else { return nil }
        return .blocked(.upgradeFailed(node: joined.want.name, version: target, journal: failed.journal))
    }

    private static func step(_ joined: JoinedNode, from: K3sVersion, to target: K3sVersion, _ facts: FleetFacts) -> Decision {
        guard case .probed(let probe)? = joined.node.host else { return joined.node.unprobed }
        if probe.binaryVersion == target { return restarted(joined, from, target, probe, facts) }
        if let decision = staging(joined, from, target, probe, facts) { return decision }
        if let snapshot = snapshot(joined.want, from, target, facts) { return .act(snapshot, .upgradeDue(from: from, to: target)) }
        return swap(joined, from, target, digest: probe.stagedSHA256, facts)
    }

    /// `digest`: of the new binary.
    private static func swap(
        _ joined: JoinedNode, _ from: K3sVersion, _ target: K3sVersion, digest: String?, _ facts: FleetFacts
    ) -> Decision {
        let (want, reason) = (joined.want, Reason.upgradeDue(from: from, to: target))
        guard joined.isEvacuated else { return evacuation(joined, reason, facts) }
        return .act(.upgradeK3s(UpgradeK3s(node: want.name, role: want.role, from: from, to: target, digest: digest ?? "")), reason)
    }

    /// The new binary is in place, and the Node shows the old one: it may not have registered yet, or was not started.
    private static func restarted(
        _ joined: JoinedNode, _ from: K3sVersion, _ target: K3sVersion, _ probe: HostProbe, _ facts: FleetFacts
    ) -> Decision {
        let want = joined.want
        guard joined.node.hadItsStart(want.role, facts) else {
            return .wait(Wait(.upgradeUnconfirmed(target), read: .cluster, every: 2, diagnostics: .host(want.name)))
        }
        return swap(joined, from, target, digest: probe.binarySHA256, facts)
    }

    /// Of the datastore, before the first of the servers goes on.
    private static func snapshot(_ want: DesiredNode, _ from: K3sVersion, _ target: K3sVersion, _ facts: FleetFacts) -> Action? {
        guard want.role == .server, !facts.hasSnapshot(before: target), facts.holds(.snapshotFirst) else { return nil }
        return .takeSnapshot(TakeSnapshot(node: want.name, version: from, goal: target))
    }

    static func evacuation(_ joined: JoinedNode, _ reason: Reason, _ facts: FleetFacts) -> Decision {
        let policy = facts.fleet.policy.drain
        // The kubelet of a server that answers, which was just restarted, is ready in a moment.
        let contact = facts.controlPlane.contact
        let hasOthers = facts.reading?.nodes.contains { $0.name != joined.want.name && ($0.ready == .ready || $0.name == contact) } ?? false
        let step = Evacuate(node: joined.want.name, drains: hasOthers, policy: policy)
        return facts.draining(.evacuate(step), joined.node.instance.drain, because: reason)
    }

    /// An agent that does not come up on the new k3s gets the old one back.
    static let reverted: Join.Rule = { joined, facts in
        let node = joined.node
        guard joined.want.role == .agent, case .probed(let probe)? = node.host, let binary = probe.binaryVersion,
            let former = probe.formerVersion, former < binary, let unit = probe.unit(.agent),
            node.instance.hasUpgraded(to: binary) || joined.isInMaintenance && joined.reading.version == former,
            unit.active != "active" || joined.reading.ready != .ready
        else { return nil }
        let isLate = node.hadItsStart(.agent, facts)
        let isLoop = unit.restarts >= Planner.restartsOfALoop && unit.sub == "auto-restart"
        guard isLate || isLoop else { return nil }
        let step = RevertK3s(node: joined.want.name, from: binary, to: former, journal: probe.journal.map { OutsideText.line($0) })
        return .act(.revertK3s(step), .upgradeDidNotComeUp(binary))
    }
}

extension JoinedNode {
    /// Out of service by our doing, as its Node says or as was begun.
    var isInMaintenance: Bool { node.isInMaintenance }

    /// No pod of others can be there.
    var isEvacuated: Bool {
        node.instance.maintenance?.isDrained == true && reading.unschedulable && reading.annotations[NodeAnnotation.maintenance] != nil
    }

    /// What it is to run next; nil when it runs what the file asks for.
    func hop(_ facts: FleetFacts) -> UpgradePath.Hop? {
        facts.hop(of: reading, want)
    }

    /// Its upgrade may begin, or has begun and is not done.
    fileprivate func awaitsItsUpgrade(_ facts: FleetFacts) -> Bool {
        guard case .release(let target)? = hop(facts) else { return false }
        if let done = node.instance.maintenance?.upgradedTo, let version = reading.version, version >= done { return false }
        return want.role == .server || facts.serversRun(target)
    }
}

extension Instance {
    /// By our hand, and it is not known to have come up.
    fileprivate func hasUpgraded(to version: K3sVersion) -> Bool {
        maintenance?.upgradedTo == version || failedUpgrade?.version == version
    }
}

extension NodeFacts {
    var isInMaintenance: Bool { instance.maintenance != nil || node?.annotations[NodeAnnotation.maintenance] != nil }

    /// k3s was started so long ago, by both clocks, that it should be up.
    fileprivate func hadItsStart(_ role: Role, _ facts: FleetFacts) -> Bool {
        let deadline = Planner.startDeadline(role)
        guard facts.readTime - (instance.startedAt ?? -.infinity) > deadline else { return false }
        return started.map { facts.uptime - $0 >= deadline } ?? true
    }
}

extension FleetFacts {
    /// What a node is to run next; nil when it runs what the file asks for.
    func hop(of node: NodeReading?, _ want: DesiredNode) -> UpgradePath.Hop? {
        node?.version.flatMap { fleet.cluster.upgradePath.hop(from: $0, to: want.k3s) }
    }

    /// An agent is never newer than its servers (facts/k3s.md §10).
    func serversRun(_ version: K3sVersion) -> Bool {
        guard let oldest = controlPlane.oldestVersion, holds(.serversLead) else { return true }
        return oldest >= version
    }

    /// It did not come up on this release, and is not to try again: only an operator's run does, once.
    func failedUpgrade(of node: NodeFacts, to target: K3sVersion) -> FailedUpgrade? {
        guard let failed = node.instance.failedUpgrade, failed.version == target else { return nil }
        return isAttended && notes[node.name]?.wasReverted != true ? nil : failed
    }

    /// A new copy of the datastore is in the state directory, or servers are on their way already.
    func hasSnapshot(before target: K3sVersion) -> Bool {
        if controlPlane.members.contains(where: { ($0.version ?? target) >= target && $0.version != nil }) { return true }
        guard let snapshot = ledger.snapshot, snapshot.goal == target else { return false }
        return abs(now - snapshot.takenAt) < Upgrade.snapshotLasts
    }

    /// What a host is set up with: what it runs already, else what the servers run, while that is older than the file asks for.
    func release(for want: DesiredNode) -> K3sVersion {
        if case .probed(let probe)? = observed.hosts[want.name] {
            if probe.runs(want.role), let version = probe.binaryVersion { return min(version, want.k3s) }
        } else if let version = observed.node(want.name)?.version, record(want.name)?.instance?.hasStaleIdentity != true {
            return min(version, want.k3s)
        }
        guard let servers = controlPlane.oldestVersion, holds(.serversLead) else { return want.k3s }
        return min(servers, want.k3s)
    }
}
