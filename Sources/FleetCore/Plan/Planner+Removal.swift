import K3s

extension Planner {
    /// What becomes of something that no pool asks for: a VM that carries our tag, or a node of ours whose VM is gone (an orphan). Nil for
    /// anything else.
    static func stray(_ name: String, _ facts: FleetFacts) -> (line: Plan.Line, subject: Subject, isOrphan: Bool)? {
        let subject = Subject.of(name, facts)
        if let vm = subject.vm {
            guard facts.isOwned(vm) else { return nil }
            if subject.record.removed != nil {
                let wait = Wait(.vmRemovalUnconfirmed, look: .vms, every: 3, evidence: .cluster)
                return (line(of: subject, .wait(wait), []), subject, false)
            }
            let decision = admitted(changed(subject, facts) ?? removal(of: vm, subject, facts), subject, facts)
            return (line(of: subject, decision, wayOut(after: decision)), subject, false)
        }
        // What nobody asks for any more, and may cost money in a moment.
        if facts.fleet.policy.prune, facts.seen.vms != nil, let wait = awaited(subject, facts) {
            return (line(of: subject, wait, []), subject, true)
        }
        if facts.fleet.policy.prune, facts.seen.vms != nil, subject.record.removed != nil, subject.node == nil {
            let wait = Wait(.nodeRemovalUnconfirmed, look: .cluster, every: 0.5)
            return (line(of: subject, .wait(wait), []), subject, true)
        }
        // Its VM went before its pool did, or while it was removed, by somebody else's hand: its node, or the password of it, would stay in the
        // cluster for ever.
        guard subject.record.createdAt != nil, facts.seen.vms != nil,
            let decision = subject.node.map({ orphan($0, subject, facts) }) ?? leftover(subject, facts)
        else { return nil }
        return (line(of: subject, admitted(changed(subject, facts) ?? decision, subject, facts), []), subject, true)
    }

    private static func wayOut(after decision: Decision) -> [StepKind] {
        let chain: [StepKind] = [.drain, .stop, .deleteNode, .removeVM]
        guard let step = decision.action?.step, let place = chain.firstIndex(of: step) else { return [] }
        return Array(chain[(place + 1)...])
    }

    private static func line(of subject: Subject, _ decision: Decision, _ then: [StepKind]) -> Plan.Line {
        Plan.Line(node: subject.name, pool: subject.node?.labels["exedev.dev/pool"] ?? "-", decision: decision, then: then)
    }

    static func removal(of vm: ObservedVM, _ subject: Subject, _ facts: FleetFacts) -> Decision {
        guard facts.fleet.policy.prune else {
            return .reported(.pruneDisabled)
        }
        guard facts.hasControlPlane else {
            return .wait(Wait(.removalNeedsControlPlane(facts.controlPlaneReason), look: .cluster, every: 2))
        }
        // What failed is tried again by how the node is then.
        if subject.isToBeSeenAgain(facts.readAt?.wall, facts) {
            return .wait(Wait(.awaitingClusterRead, look: .cluster, every: 0))
        }
        let (node, done) = (subject.node, subject.record.removal)
        let because = Reason.notInFleetFile
        // What was drained and can be scheduled on again was given back by somebody, and may have pods.
        let isGivenBack = node?.unschedulable == false && facts.holds(.drainedStays)
        let isWhole = [nil, .begun, .returning].contains(done) || isGivenBack
        if let node, isWhole { return .act(.drain(node: vm.name, isSilent: node.ready == .unknown), because) }
        if isWhole, node == nil, let started = subject.record.started, facts.readTime - started < startDeadline(.agent) {
            return .wait(Wait(.nodeMayStillJoin, look: .cluster, every: 2))
        }
        let mayRun = done == .drained || (isWhole && node == nil && subject.record.started != nil)
        if mayRun, !isOutOfReach(subject) { return .act(.stop(node: vm.name, role: .agent), because) }
        // Also of a node that is gone: its password may be left, should the step have been cut between the two, by whomever.
        if node != nil || done != .nodeDeleted {
            return .act(.deleteNode(node: vm.name, ifSilent: mayRun || node == nil), because)
        }
        return .act(.removeVM(name: vm.name), because)
    }

    /// A removal that was begun and whose end nobody heard of: the node is gone, its password may be left.
    private static func leftover(_ subject: Subject, _ facts: FleetFacts) -> Decision? {
        guard facts.fleet.policy.prune, subject.record.isHalfRemoved else { return nil }
        guard facts.hasControlPlane else {
            return .wait(Wait(.cleanupNeedsControlPlane(facts.controlPlaneReason), look: .cluster, every: 2))
        }
        if facts.needsSecondList(subject.record) {
            return .wait(Wait(.awaitingSecondVMList, look: .vms, every: 3))
        }
        return .act(.deleteNode(node: subject.name, ifSilent: true), .removalUnfinished)
    }

    /// Its node is silent and its host did not let us in time after time: there is no k3s left to stop (facts/k3s.md §14.7). That exe.dev calls the
    /// VM stopped is not enough, for the list may be older than its last start.
    private static func isOutOfReach(_ subject: Subject) -> Bool {
        let isSilent = (subject.node?.ready ?? .unknown) == .unknown
        return isSilent && subject.record.isHalfRemoved && (subject.attempt?.count ?? 0) >= 3
    }

    private static func orphan(_ node: NodeReading, _ subject: Subject, _ facts: FleetFacts) -> Decision {
        guard facts.fleet.policy.prune else {
            return .reported(.pruneDisabledForNode)
        }
        guard facts.hasControlPlane else {
            return .wait(Wait(.removalNeedsControlPlane(facts.controlPlaneReason), look: .cluster, every: 2))
        }
        // Silent, and not only not ready: one that says anything at all has a machine, whatever exe.dev lists.
        let since = subject.record.missingSince ?? subject.record.removed
        let missing = facts.listTime - (since ?? facts.listTime)
        if node.ready != .unknown, missing > 60 { return .reported(.nodeOutlivesVM) }
        guard node.ready == .unknown, !facts.needsSecondList(subject.record) else {
            return .wait(Wait(.nodeSilenceUnconfirmed, look: .vms, every: 3, evidence: .cluster))
        }
        return .act(.deleteNode(node: node.name, ifSilent: true), .nodeWithoutVM)
    }
}
