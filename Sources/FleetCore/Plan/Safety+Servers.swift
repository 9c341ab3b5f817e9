import K3s

/// The rules of several servers.
extension Safety {
    /// Where several servers vote, none is taken down that the others need: without a quorum nothing of the cluster can be changed any more
    /// (facts/k3s.md §5.1).
    static func quorumHolds(_ action: Action, _ facts: FleetFacts) -> Reason? {
        let (voters, quorum) = (facts.controlPlane.voters, facts.controlPlane.quorum)
        guard voters.count > 1, let voter = voters.first(where: { $0.name == action.node }) else { return nil }
        let left = voters.count { $0.name != action.node && $0.isReady }
        let isKept: Bool
        switch action {
        case .install(let step) where step.setup.role == .server: isKept = left >= quorum
        case .restart, .stop, .upgradeK3s, .takeSnapshot, .flushDisk: isKept = left >= quorum
        // Its removal is agreed on by all that vote now, and those that are left go on.
        case .deleteNode: isKept = left + (voter.isReady ? 1 : 0) >= quorum && left >= (voters.count - 1) / 2 + 1
        default: return nil
        }
        if isKept { return nil }
        let silent = voters.filter { !$0.isReady }.map(\.name).sorted()
        return .quorumAtRisk(server: action.node, left: left, of: voters.count, silent: silent)
    }

    /// A disk without data joins as a new member, so the one of that name must be gone.
    static func joinsAfresh(_ name: String, _ facts: FleetFacts) -> Reason? {
        guard case .probed(let probe)? = facts.observed.hosts[name], !probe.hasServerData,
            facts.observed.node(name)?.isControlPlane == true
        else { return nil }
        return .serverMemberLeft(name: name)
    }

    /// A server's VM is removed when its member is no more: a member without a machine counts in etcd's quorum for ever (facts/k3s.md §5.3). It is
    /// made again under no other condition either.
    static func membersGoFirst(_ action: Action, _ facts: FleetFacts) -> Reason? {
        switch action {
        case .removeVM where facts.isOurServer(action.node): break
        case .createVM where facts.desired(action.node)?.role == .server && facts.ledger.caHash != nil: break
        default: return nil
        }
        let isListed = facts.reading?.members?.contains(action.node) ?? false
        let isMember = facts.observed.node(action.node)?.isControlPlane == true || isListed
        return isMember ? .serverMemberLeft(name: action.node) : nil
    }

    /// Servers are started, stopped and taken out one at a time, and only while all the others are well (facts/k3s.md §15.2).
    static func oneServerAtATime(_ action: Action, _ facts: FleetFacts) -> Reason? {
        facts.changesServer(action) ? facts.serverChangeGate(action.node) : nil
    }
}
