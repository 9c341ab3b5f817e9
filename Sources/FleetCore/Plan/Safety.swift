import K3s

/// The rules that keep somebody's VM alive. Each is one function; `refusal` is the only door to an effect and asks them all.
package enum Safety {
    package static func refusal(of action: Action, facts: FleetFacts) -> Reason? {
        func asked(_ name: Guard, _ rule: (Action, FleetFacts) -> Reason?) -> Reason? { facts.holds(name) ? rule(action, facts) : nil }
        return asked(.ownershipIsSeen, ownershipIsSeen) ?? asked(.creationFitsBudget, creationFitsBudget)
            ?? asked(.massLossIsNoReason, massLossIsNoReason) ?? asked(.onlyOneFounding, onlyOneFounding)
            ?? asked(.serversStay, serversStay) ?? asked(.removalIsRecorded, removalIsRecorded) ?? asked(.quorumHolds, quorumHolds)
            ?? asked(.serversLead, serversLead)
    }

    /// Nothing is changed on a VM whose ownership tag was not observed in this run.
    static func ownershipIsSeen(_ action: Action, _ facts: FleetFacts) -> Reason? {
        if case .createVM(let name, _, _) = action {
            guard let vms = facts.seen.vms else { return .vmsNotListed }
            return vms[name] == nil ? nil : .vmExists(name: name)
        }
        if case .deleteNode = action { return nil }
        guard let vm = facts.seen.vms?[action.node] else {
            return .vmNotListed(name: action.node)
        }
        guard vm.tags.contains(facts.fleet.cluster.tag) else {
            return .vmForeign(name: vm.name, tag: facts.fleet.cluster.tag)
        }
        return nil
    }

    /// Never more VMs with our tag than the budget, those being created included.
    static func creationFitsBudget(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .createVM(let name, _, _) = action else { return nil }
        let others = facts.counts.occupants - (facts.isOccupant(name) ? 1 : 0)
        guard others >= facts.fleet.limits.maxVMs else { return nil }
        let unlisted = facts.unlisted.filter { $0 != name }
        return .vmLimitExceeded(others: others, unlisted: unlisted, limit: facts.fleet.limits.maxVMs)
    }

    /// The breaker. That two or more VMs, and more than a third of them, are gone at once is sooner trouble of exe.dev than a wish of anybody's;
    /// unattended, nothing is made anew then. It closes by itself when the list shows them again, and an operator's `apply` passes it.
    static func massLossIsNoReason(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .createVM(let name, _, _) = action, facts.record(name).createdAt != nil else { return nil }
        let (count, known) = facts.counts.vanished
        guard count >= 2, count * 3 > known else { return nil }
        return .vmsVanished(count: count, of: known)
    }

    /// A cluster is founded once: a rebuilt server with an empty disk would found a second one (facts/k3s.md §5.3).
    static func onlyOneFounding(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .install(let setup) = action, setup.role == .server else { return nil }
        if let founder = facts.ledger.founder, founder != setup.name {
            return .foundedElsewhere(server: founder)
        }
        guard facts.ledger.caHash != nil, facts.seen.node(setup.name) == nil, case .probed(let probe)? = facts.seen.hosts[setup.name],
            !probe.hasServerData
        else { return nil }
        return .serverDataGone(name: setup.name)
    }

    /// `apply` never removes a server.
    static func serversStay(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard action.step.isDestructive else { return nil }
        let isServer =
            facts.ledger.founder == action.node || facts.serverName == action.node
            || facts.seen.node(action.node)?.isControlPlane == true
        return isServer ? .serverNotRemovable(name: action.node) : nil
    }

    /// Where several servers vote, none is restarted that the others need: without a quorum nothing of the cluster can be changed any more
    /// (facts/k3s.md §5.1).
    static func quorumHolds(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .install(let setup) = action, setup.role == .server, case .read(let reading) = facts.seen.cluster else { return nil }
        let servers = reading.nodes.filter { $0.isControlPlane }
        guard servers.count > 1, servers.contains(where: { $0.name == setup.name }) else { return nil }
        let others = servers.filter { $0.name != setup.name && $0.ready == .ready }
        guard others.count < servers.count / 2 + 1 else { return nil }
        let silent = servers.filter { $0.ready != .ready }.map { $0.name }.sorted()
        return .quorumAtRisk(server: setup.name, left: others.count, of: servers.count, silent: silent)
    }

    /// An agent is never newer than its server, which Kubernetes forbids (facts/k3s.md §10): not one that is made while the server still runs
    /// the version of before either.
    static func serversLead(_ action: Action, _ facts: FleetFacts) -> Reason? {
        let version: K3sVersion? =
            switch action {
            case .createVM(let name, _, _) where name != facts.serverName: facts.fleet.cluster.k3s
            case .prepare(_, let version, .agent): version
            case .install(let setup) where setup.role == .agent: setup.version
            default: nil
            }
        guard let version, let server = facts.serverName.flatMap({ facts.seen.node($0)?.version }), server < version else { return nil }
        return .agentAheadOfServer(node: action.node, version: version, server: server)
    }

    /// A VM is removed only when our tag is on it and our own ledger knows it.
    static func removalIsRecorded(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard action.step.isDestructive, facts.ledger.vms[action.node] == nil else { return nil }
        return .notInLedger(name: action.node)
    }
}
