import K3s

/// The way out: cordon → drain → stop k3s → delete node → remove VM. For a VM that carries our tag, and for a Node of ours whose VM is gone.
struct Leave {
    let role: Role
    /// Why it leaves.
    let reason: Reason
    /// It is to be made again.
    var cause: Replacement.Cause?

    static let way: [StepKind] = [.cordon, .drain, .stop, .deleteNode, .removeVM]

    /// How far the node is: the place of its next step on the way.
    static func progress(_ action: Action) -> Int { way.firstIndex(of: action.kind) ?? 0 }

    static func following(_ action: Action) -> [StepKind] {
        Array(way[(progress(action) + 1)...])
    }

    /// Nil for anything that is not ours.
    func decide(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        if let vm = node.vm { return facts.isOwned(vm) ? withVM(vm, node, facts) : nil }
        guard facts.observed.vms != nil else { return nil }
        return mayGo(facts) ? pending(node, facts) ?? withoutVM(node, facts) : withoutVM(node, facts)
    }

    // MARK: its VM is there

    private func withVM(_ vm: ObservedVM, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        if node.removedAt != nil { return .wait(Wait(.vmRemovalUnconfirmed, read: .vms, every: 3, diagnostics: .cluster)) }
        if let decision = node.outdated(facts) ?? notRemovable(facts, .pruneDisabled) { return decision }
        // A failed step is tried again by how the node is then.
        if node.isToBeReadAgain(facts.readAt?.wall, facts) { return .wait(Wait(.awaitingClusterRead, read: .cluster, every: 0)) }
        return nextStep(vm, node, facts)
    }

    private func mayGo(_ facts: FleetFacts) -> Bool { facts.fleet.policy.prune || cause != nil }

    private func notRemovable(_ facts: FleetFacts, _ left: Reason) -> Decision? {
        guard mayGo(facts) else { return .reported(left) }
        guard facts.controlPlane.answers else {
            return .wait(Wait(.removalNeedsControlPlane(facts.controlPlane.reason), read: .cluster, every: 2))
        }
        return nil
    }

    private func nextStep(_ vm: ObservedVM, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        if let decision = ofServer(node, facts) { return decision }
        let (reading, done) = (node.node, node.leaveStage)
        // A node that was drained and can be scheduled on again was given back by somebody, and may have pods.
        let isGivenBack = reading?.unschedulable == false && facts.holds(.drainedStays)
        let isWhole = [nil, .begun, .returning].contains(done) || isGivenBack
        if let reading, isWhole { return cordonOrDrain(reading, node.instance.drain, facts) }
        if isWhole, reading == nil, mayStillJoin(node, facts) { return .wait(Wait(.nodeMayStillJoin, read: .cluster, every: 2)) }
        let mayRun = done == .drained || (isWhole && reading == nil && node.instance.startedAt != nil) || isBackFromTheDead(node)
        if mayRun, !needsNoStop(node) { return .act(.stop(Stop(node: vm.name, role: role)), reason) }
        // Also when the Node is gone: its password may be left, should the step have been cut between the two.
        if reading != nil || done != .nodeDeleted {
            return .act(deletion(of: vm.name, ifSilent: mayRun || reading == nil), reason)
        }
        return .act(.removeVM(RemoveVM(node: vm.name)), reason)
    }

    /// Drains under our own mark alone, by which the cordon is lifted should the file ask for the node again.
    private func cordonOrDrain(_ reading: NodeReading, _ progress: DrainProgress?, _ facts: FleetFacts) -> Decision {
        guard reading.unschedulable, reading.annotations[NodePatch.removing] != nil else {
            return .act(.cordon(Cordon(node: reading.name)), reason)
        }
        // The pods of the dead run no more, and go with their Node.
        if cause == .dead, reading.ready == .unknown { return .act(deletion(of: reading.name, ifSilent: true), reason) }
        let drain = Drain(node: reading.name, isSilent: reading.ready == .unknown, policy: facts.fleet.policy.drain)
        return facts.draining(.drain(drain), progress, because: reason)
    }

    private func mayStillJoin(_ node: NodeFacts, _ facts: FleetFacts) -> Bool {
        node.instance.startedAt.map { facts.readTime - $0 < Planner.startDeadline(role) } ?? false
    }

    /// Its node is silent and its host did not let us in time after time: there is no k3s left to stop (facts/k3s.md §14.7). That exe.dev calls
    /// the VM stopped is not enough, for the list may be older than its last start.
    private func needsNoStop(_ node: NodeFacts) -> Bool {
        let isSilent = (node.node?.ready ?? .unknown) == .unknown
        if cause == .dead, isSilent { return !node.isReached }
        return isSilent && (node.known?.isHalfRemoved ?? false) && (node.attempt?.count ?? 0) >= 3
    }

    /// Its Node was deleted and its host answers again, where k3s may run: it is stopped before anything else.
    private func isBackFromTheDead(_ node: NodeFacts) -> Bool {
        guard cause == .dead, node.leaveStage == .nodeDeleted, case .probed(let probe)? = node.host else { return false }
        return probe.runs(role)
    }

    // MARK: its VM is gone

    /// A VM that may still come of an earlier `new`, or a Node that may come back.
    private func pending(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        if let wait = node.createOutcome(facts) { return wait }
        guard node.removedAt != nil, node.node == nil else { return nil }
        return .wait(Wait(.nodeRemovalUnconfirmed, read: .cluster, every: 0.5))
    }

    /// Its VM went before its pool did, or while it was removed, by somebody else: its Node, or the password of it, would stay in the cluster.
    private func withoutVM(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard node.known?.createdAt != nil, let decision = node.node.map({ orphaned($0, node, facts) }) ?? unfinished(node, facts) else {
            return nil
        }
        return node.outdated(facts) ?? decision
    }

    /// A removal that was begun and whose end is not known: the Node is gone, its password may be left.
    private func unfinished(_ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard mayGo(facts), (node.known?.isHalfRemoved ?? false) else { return nil }
        guard facts.controlPlane.answers else {
            return .wait(Wait(.cleanupNeedsControlPlane(facts.controlPlane.reason), read: .cluster, every: 2))
        }
        if facts.needsSecondList(node.known) { return .wait(Wait(.awaitingSecondVMList, read: .vms, every: 3)) }
        return .act(deletion(of: node.name, ifSilent: true), .removalUnfinished)
    }

    private func orphaned(_ reading: NodeReading, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        if let decision = notRemovable(facts, .pruneDisabledForNode) { return decision }
        // Silent, and not only not ready: one that says anything at all has a machine, whatever exe.dev lists.
        let since = node.known?.missingSince ?? node.removedAt
        let missing = facts.listTime - (since ?? facts.listTime)
        if reading.ready != .unknown, missing > 60 { return .reported(.nodeOutlivesVM) }
        guard reading.ready == .unknown, !facts.needsSecondList(node.known) else {
            return .wait(Wait(.nodeSilenceUnconfirmed, read: .vms, every: 3, diagnostics: .cluster))
        }
        return .act(deletion(of: reading.name, ifSilent: true), .nodeWithoutVM)
    }
}
