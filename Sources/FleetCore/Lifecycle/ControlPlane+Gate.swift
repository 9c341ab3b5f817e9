import K3s

/// The gate that every change of a server passes: one at a time, and only while all the others are well (facts/k3s.md §15.2).
extension FleetFacts {
    /// Seconds for which etcd may be without a leader after a server was started, stopped or taken out (facts/k3s.md §5.3).
    static let electionSeconds = 10.0

    /// Why this server may not be changed now; nil when it may. The only server of a fleet waits for nobody.
    package func serverChangeGate(_ name: String) -> Reason? {
        let others = serversBeside(name)
        guard !others.isEmpty else { return nil }
        guard controlPlane.answers else { return quorumLoss ?? controlPlane.reason }
        if let hindrance = busy(name, others) { return .serversUnsettled(hindrance) }
        if !observed.outdated.isDisjoint(with: others) { return .awaitingClusterRead }
        if let hindrance = unwell(others) { return .serversUnsettled(hindrance) }
        return memberless(name)
    }

    /// Whether a step of this kind on it changes a server.
    package func changesServer(_ action: Action) -> Bool {
        // Where k3s was stopped for it, a restart brings a server back.
        StepKind.ofServers.contains(action.kind) && action.kind != .restartVM && isServer(action.node)
    }

    private func serversBeside(_ name: String) -> Set<String> {
        var names = Set(controlPlane.members.filter { $0.node != nil }.map(\.name))
        names.formUnion(desiredServers.map { $0.name }.filter(isMember))
        names.formUnion(unmanagedServers.filter { observed.vms?[$0] != nil })
        names.remove(name)
        return names
    }

    /// What is under way there.
    private func busy(_ name: String, _ others: Set<String>) -> ServerHindrance? {
        let changing = others.filter { acting[$0].map(StepKind.ofServers.contains) ?? false }
        if !changing.isEmpty { return .changing(changing.sorted()) }
        let deleting = (reading?.nodes ?? []).filter { $0.deleting && $0.name != name }
        if !deleting.isEmpty { return .deleting(deleting.map(\.name)) }
        let leaving = others.filter { isLeavingServer($0) && !waitsForTheDead($0, name) }
        if !leaving.isEmpty { return .leaving(leaving.sorted()) }
        if let at = ledger.serverChangedAt, now - at < Self.electionSeconds { return .changed(seconds: Int(max(0, now - at))) }
        return nil
    }

    /// A server that is only cordoned yet, and well, lets a dead one go first.
    private func waitsForTheDead(_ other: String, _ name: String) -> Bool {
        let isWhole = [.begun, .drained].contains(record(other)?.leaveStage) && observed.node(other)?.ready == .ready
        return isWhole && replacementCause(name) == .dead
    }

    private func isLeavingServer(_ name: String) -> Bool {
        guard !isWanted(name) || replacementCause(name) != nil, let stage = record(name)?.leaveStage else { return false }
        return stage != .returning
    }

    private func unwell(_ others: Set<String>) -> ServerHindrance? {
        let joining = others.filter { observed.node($0) == nil && isWanted($0) }
        if !joining.isEmpty { return .joining(joining.sorted()) }
        let members = others.filter { observed.node($0) != nil }
        let notReady = members.filter { !isUpAgain($0) }
        if !notReady.isEmpty { return .notReady(notReady.sorted()) }
        let learning = members.filter { controlPlane.isEtcd && observed.node($0)?.etcd != .voter }
        return learning.isEmpty ? nil : .learning(learning.sorted())
    }

    /// What a Node says that came after k3s was started is no news of before.
    private func isUpAgain(_ name: String) -> Bool {
        let facts = NodeFacts.of(name, self)
        switch Availability.of(facts, .server, self) {
        case .up: return true
        case .restarting(isReady: true, _, _): return !facts.instance.isRestarting && !facts.isOutdated
        default: return false
        }
    }

    /// etcd's own list against the Nodes, where it could be had.
    private func memberless(_ name: String) -> Reason? {
        guard let members = reading?.members else { return nil }
        let nodes = Set(controlPlane.members.filter { $0.node != nil }.map(\.name))
        let ghosts = members.filter { !nodes.contains($0) && $0 != name }
        if !ghosts.isEmpty { return .ghostMembers(ghosts) }
        let unlisted = nodes.subtracting(members).subtracting([name]).sorted()
        return unlisted.isEmpty ? nil : .serversUnsettled(.unlisted(unlisted))
    }
}

extension StepKind {
    /// Those that change a server when they are done to one.
    static let ofServers: Set<StepKind> = [
        .install, .restart, .cordon, .drain, .stop, .deleteNode, .removeVM, .takeSnapshot, .evacuate, .upgradeK3s, .flushDisk,
        .restartVM,
    ]
}

extension Reason {
    /// Of a refusal that passes by itself when other servers are well again.
    package var isOfOtherServers: Bool { [.serversUnsettled, .controlPlaneNotReady, .awaitingClusterRead].contains(code) }
}

extension Limits {
    /// Of one plan too only one server is changed.
    static func grantServerChanges(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        var first: String?
        for index in nodes.indices where nodes[index].action.map(facts.changesServer) ?? false {
            if let first {
                nodes[index].overrule(.wait(Wait(.serversUnsettled(.changing([first])), read: .cluster, every: 2)))
            } else {
                first = nodes[index].name
            }
        }
        holdServers(&nodes)
    }

    /// What waits for servers that only the operator can mend need not wait for them.
    private static func holdServers(_ nodes: inout [PlannedNode]) {
        let blocked = Set(nodes.filter { $0.decision.isBlocked }.map(\.name))
        for index in nodes.indices {
            guard case .wait(let wait) = nodes[index].decision, case .serversUnsettled(let hindrance) = wait.reason,
                !hindrance.names.isEmpty, blocked.isSuperset(of: hindrance.names)
            else { continue }
            nodes[index].overrule(.blocked(wait.reason))
        }
    }
}
