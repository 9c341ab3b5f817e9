import K3s

/// When a node is called dead. Two witnesses must say so for as long as a start may take: the cluster, which does not hear its kubelet, and exe.dev or
/// SSH. It is restarted once, and made again if the policy allows; that many are so at once is sooner our own trouble.
enum Death {
    /// Seconds for which a restart before the silence, which nobody saw succeed, counts as one for it.
    private static let restartCounts = 86_400.0

    /// What is done about a node that is dead; nil when it is not, or is on its way out already.
    static func decide(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard node.vm.map(facts.isOwned) == true, isWitnessed(want, node, facts) else { return nil }
        if let reason = massSilence(facts) { return .blocked(reason) }
        let evidence = evidence(node, want)
        if wasRestarted(node, facts) {
            if facts.wasReplacedLately(want.name), facts.mayReplace(want) { return .blocked(.replacedLately(name: want.name, evidence)) }
            return .blocked(.nodeDeadForGood(name: want.name, role: want.role, evidence))
        }
        return .act(.startVM(StartVM(node: want.name)), .nodeDead(evidence))
    }

    /// It may be made again.
    static func isProved(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Bool {
        isWitnessed(want, node, facts) && massSilence(facts) == nil && wasRestarted(node, facts)
    }

    /// It was heard of again before its Node was deleted, so that it may stay.
    static func isOver(_ node: NodeFacts) -> Bool {
        if let reading = node.node { return reading.ready != .unknown || node.isReached }
        return false
    }

    static func evidence(_ node: NodeFacts, _ want: DesiredNode) -> HostEvidence? { node.host.map { HostEvidence($0, want.role) } }

    // MARK: the witnesses

    /// For long enough, and its host was asked once more after that time: its last answer may be half a minute old.
    static func isWitnessed(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Bool {
        guard isSeeming(node, facts), let since = node.seemsDeadSince else { return false }
        var heardAt = facts.uptime
        if case .unreachable? = node.host { heardAt = node.unreachedAt ?? since }
        return heardAt - since >= Planner.startDeadline(want.role)
    }

    /// Both say so now.
    static func isSeeming(_ node: NodeFacts, _ facts: FleetFacts) -> Bool {
        facts.clusterAnswers && isUnheard(node) && (isOutOfReach(node) || !facts.holds(.twoWitnesses))
    }

    /// By the cluster: its kubelet, which was heard of once.
    private static func isUnheard(_ node: NodeFacts) -> Bool {
        if let reading = node.node { return reading.ready == .unknown }
        return node.instance.startedAt != nil && !node.instance.hasStaleIdentity
    }

    /// By exe.dev, or by SSH.
    private static func isOutOfReach(_ node: NodeFacts) -> Bool {
        if case .failed? = node.vm?.status { return true }
        if case .unreachable? = node.host { return true }
        return false
    }

    // MARK: what was done about it

    /// For this death: since it was last up, and not long before it fell silent.
    private static func wasRestarted(_ node: NodeFacts, _ facts: FleetFacts) -> Bool {
        guard facts.holds(.restartFirst) else { return true }
        guard let at = node.instance.poweredOnAt, node.instance.commandSentAt == nil else { return false }
        let silence = node.seemsDeadSince.map { facts.uptime - $0 } ?? 0
        return facts.now - at < silence + restartCounts
    }

    // MARK: the breaker

    /// Two or more, and more than a third of the nodes that were in the cluster, cannot be reached: exe.dev drops connections after a burst
    /// (facts/exedev.md §8.5), and a network fails sooner than machines do.
    static func massSilence(_ facts: FleetFacts) -> Reason? {
        guard facts.holds(.massSilence) else { return nil }
        let (count, known) = facts.counts.unreached
        return count >= 2 && count * 3 > known ? .massSilence(count: count, of: known) : nil
    }
}

extension FleetFacts {
    /// It was in the cluster, and its host cannot be reached or exe.dev says that it does not run; nil when it was not.
    func isUnreached(_ vm: ObservedVM?, _ record: NodeRecord?) -> Bool? {
        guard let vm, let instance = record?.instance, instance.startedAt != nil, !instance.hasStaleIdentity else { return nil }
        if case .unreachable? = observed.hosts[vm.name] { return true }
        return vm.status != .running && vm.status != .starting
    }

    /// Since when nodes seem dead: one of which nothing is known now is neither heard of nor forgotten.
    package mutating func learnSilence() {
        for want in fleet.nodes {
            // Most nodes are well, and were.
            if observed.node(want.name)?.ready == .ready, notes[want.name]?.seemsDeadSince == nil { continue }
            let node = NodeFacts.of(want.name, self)
            if Death.isSeeming(node, self) {
                if node.seemsDeadSince == nil { notes[want.name, default: .init()].seemsDeadSince = uptime }
            } else if node.seemsDeadSince != nil, node.isReached || (node.node.map { $0.ready != .unknown } ?? false) {
                notes[want.name]?.seemsDeadSince = nil
            }
        }
    }
}
