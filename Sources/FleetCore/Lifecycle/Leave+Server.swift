import K3s

/// A server leaves as any node does, with its member of etcd: one at a time, behind the gate. Its member goes with its Node, and its VM last.
extension Leave {
    /// Nil where its next step is that of any node.
    func ofServer(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard role == .server, facts.mayLeave(node.name) else { return nil }
        switch node.leaveStage {
        case nil: return notYet(node, facts)
        case .drained where isOneOfTwo(node, facts): return .act(deletion(of: node.name, ifSilent: false), reason)
        case .nodeDeleted: return withoutMember(node, facts)
        default: return nil
        }
    }

    func deletion(of name: String, ifSilent: Bool) -> Action { .deleteNode(DeleteNode(node: name, ifSilent: ifSilent, role: role)) }

    /// One after the other, and only when no configuration names it any more.
    private func notYet(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        if let first = facts.leavingServers.first, first != node.name {
            return .wait(Wait(.serversUnsettled(.leaving([first])), read: .cluster, every: 2))
        }
        guard let address = node.node?.internalIP else { return nil }
        let users = facts.fleet.nodes.filter { want in
            guard facts.entrance(of: want) == address, facts.observed.node(want.name)?.ready == .ready,
                facts.replacementCause(want.name) == nil
            else { return false }
            // No server is changed beside one that is dead.
            return cause == .dead ? want.role == .agent : facts.mayReenter(want)
        }
        return users.isEmpty ? nil : .wait(Wait(.entranceInUse(by: users.map { $0.name }), read: .cluster, every: 2))
    }

    /// Both must be up when the member of one goes: stopped first, it would take the quorum with it (facts/k3s.md §14.8).
    private func isOneOfTwo(_ node: NodeFacts, _ facts: FleetFacts) -> Bool {
        facts.controlPlane.voters.count == 2 && facts.controlPlane.voters.contains { $0.name == node.name } && node.node != nil
    }

    /// Its Node is gone, and etcd's list of members agrees.
    private func withoutMember(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        if facts.reading?.members?.contains(node.name) == true {
            return .wait(Wait(.ghostMembers([node.name]), read: .cluster, every: 2))
        }
        // One of two whose member went while it ran.
        guard node.instance.startedAt != nil, (node.attempt?.count ?? 0) < 3, cause != .dead else { return nil }
        return .act(.stop(Stop(node: node.name, role: role)), reason)
    }
}
