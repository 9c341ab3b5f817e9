import K3s

/// While the VM is not there, or does not run.
extension Join {
    static func create(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        if let wait = node.createOutcome(facts) { return wait }
        // A machine that was here is taken for gone when exe.dev and the cluster both say so (facts/k3s.md §14.9), the one twice; the
        // cluster is asked by `Planner.admitted`.
        if facts.needsSecondList(node.known) { return .wait(Wait(.awaitingSecondVMList, read: .vms, every: 3)) }
        // A failed step is tried again by the VMs that there are then: meanwhile somebody else may have made it.
        if node.isToBeReadAgain(facts.listedAt, facts) { return .wait(Wait(.awaitingNewVMList, read: .vms, every: 0)) }
        // Another name in the file does not move the server: its VM and the cluster are still there.
        if want.role == .server, let founder = facts.ledger.founder, founder != want.name, !facts.joins(want.name),
            facts.holds(.onlyOneFounding)
        {
            return .blocked(.foundedElsewhere(server: founder))
        }
        if let decision = lostServer(want, node, facts) { return decision }
        // No VM is made that could not be taken into the fleet.
        if let reason = facts.missingCredential { return .blocked(reason) }
        return .act(.createVM(CreateVM(node: want.name, vm: want.vm, ownerTag: facts.fleet.cluster.tag)), .vmMissing)
    }

    /// Of several servers one that has lost its disk joins again as another member, when its own was removed.
    private static func lostServer(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard want.role == .server, facts.ledger.caHash != nil, facts.holds(.lostServer) else { return nil }
        guard facts.joins(want.name) else { return .blocked(.serverVMGone(name: want.name)) }
        if let loss = facts.quorumLoss { return .blocked(loss) }
        guard facts.controlPlane.answers else { return .wait(Wait(facts.controlPlane.reason, read: .cluster, every: 1)) }
        return node.node == nil ? nil : withoutMachine(want, facts) ?? .blocked(.serverMemberLeft(name: want.name))
    }

    static func halted(_ vm: ObservedVM, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        switch vm.status {
        case .stopped: stopped(vm, node, facts)
        case .paused: .blocked(.vmPaused(name: vm.name))
        case .failed(let word): .blocked(.vmFailed(name: vm.name, status: word))
        case .other(let word): .wait(Wait(.vmNotRunning(word), read: .vms, every: 5))
        case .running, .starting: .wait(Wait(.awaitingProbe, read: .host(vm.name), every: 1))
        }
    }

    private static func stopped(_ vm: ObservedVM, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        let isYoung = node.instance.poweredOnAt.map { facts.listTime - $0 < Planner.startGrace } ?? false
        if isYoung, facts.holds(.startGrace) { return .wait(Wait(.vmStarting, read: .vms, every: 3)) }
        if node.isToBeReadAgain(facts.listedAt, facts) { return .wait(Wait(.awaitingNewVMList, read: .vms, every: 0)) }
        return .act(.startVM(StartVM(node: vm.name)), .vmStopped)
    }
}

extension NodeFacts {
    /// A VM that is not listed may still come of an earlier `new`.
    func createOutcome(_ facts: FleetFacts) -> Decision? {
        let isYoung = known?.request.map { facts.listTime - $0.sentAt < Planner.commandGrace } ?? false
        let isUnanswered = asked.map { facts.uptime - $0 < Planner.commandGrace } ?? false
        guard isYoung || isUnanswered, facts.holds(.commandGrace) else { return nil }
        return .wait(Wait(.createOutcomeUnknown, read: .vms, every: 3))
    }
}
