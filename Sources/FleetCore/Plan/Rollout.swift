import K3s

/// Which nodes may begin their upgrade: none before all that are up have the new k3s staged, none any more once one has failed, servers one at a time
/// and before agents. How many agents at a time is said by `Limits`.
struct Rollout {
    /// Nodes that do not run what the file asks for yet.
    private struct Due {
        var index: Int
        var node: PlannedNode
        var target: K3sVersion
    }

    private let due: [Due]
    private let facts: FleetFacts

    static func grant(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        let due = nodes.indices.compactMap { index in
            nodes[index].upgradeTarget(facts).map { Due(index: index, node: nodes[index], target: $0) }
        }
        guard !due.isEmpty else { return }
        let servers = nodes.filter { $0.lifecycle.role == .server && $0.isMarked }.map(\.name)
        for (index, decision) in Rollout(due: due, facts: facts).overruled(servers) { nodes[index].overrule(decision) }
    }

    /// `servers`: those that are under way.
    private func overruled(_ servers: [String]) -> [(Int, Decision)] {
        let common = stopped ?? unstaged
        var servers = servers
        return due.filter(\.node.beginsUpgrade).compactMap { due in
            if let common { return (due.index, common) }
            let others = servers.filter { $0 != due.node.name }
            if !others.isEmpty { return (due.index, Self.wait(.upgradeAwaitsServers(others))) }
            guard due.node.lifecycle.role == .server else { return agentWait(due).map { (due.index, $0) } }
            if let laggingAgents { return (due.index, laggingAgents) }
            servers = [due.node.name]
            return nil
        }
    }

    private static func wait(_ reason: Reason) -> Decision { .wait(Wait(reason, read: .cluster, every: 5)) }

    /// A node that was down before anything was begun stops nobody.
    private var stopped: Decision? {
        let failed = due.filter { due in
            let isStuck = due.node.decision.isBlocked && (due.node.isReady || due.node.subject.isInMaintenance)
            // Also while an operator's run tries once more whether it comes up now.
            return isStuck || due.node.action?.kind == .revertK3s || due.node.subject.instance.failedUpgrade?.version == due.target
        }
        guard !failed.isEmpty, facts.holds(.firstFailureStops) else { return nil }
        return .blocked(.upgradeStopped(by: failed.map(\.node.name).sorted()))
    }

    private var unstaged: Decision? {
        let names = due.filter { $0.node.isReady && !$0.node.subject.isInMaintenance && !$0.node.hasStaged($0.target) }.map(\.node.name)
        return names.isEmpty ? nil : Self.wait(.upgradeAwaitsStaging(names.sorted()))
    }

    private func agentWait(_ due: Due) -> Decision? {
        guard !facts.serversRun(due.target) else { return nil }
        return Self.wait(.upgradeAwaitsServers(facts.controlPlane.members.filter { ($0.version ?? due.target) < due.target }.map(\.name)))
    }

    /// Agents that are up follow before the servers go a release further.
    private var laggingAgents: Decision? {
        let lagging = due.filter { $0.node.lifecycle.role == .agent && $0.node.isReady && facts.serversRun($0.target) }
        return lagging.isEmpty ? nil : Self.wait(.upgradeAwaitsAgents(lagging.map(\.node.name).sorted()))
    }
}

extension PlannedNode {
    /// Out of service from now on.
    fileprivate var beginsUpgrade: Bool {
        guard let kind = action?.kind, !isMarked else { return false }
        return kind == .takeSnapshot || kind == .evacuate
    }

    /// Out of service, as its Node says: one that the ledger alone calls begun may never have been reached, or be back.
    fileprivate var isMarked: Bool { subject.node?.annotations[NodeAnnotation.maintenance] != nil }

    fileprivate var isReady: Bool { subject.node?.ready == .ready }

    fileprivate func upgradeTarget(_ facts: FleetFacts) -> K3sVersion? {
        guard case .join(let want) = lifecycle, subject.vm != nil, case .release(let target)? = facts.hop(of: subject.node, want) else {
            return nil
        }
        return target
    }

    fileprivate func hasStaged(_ version: K3sVersion) -> Bool {
        guard case .probed(let probe)? = subject.host else { return false }
        return probe.stagedVersion == version
    }
}
