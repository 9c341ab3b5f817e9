import K3s

/// The rules that keep somebody's VM alive. Each is one function; `refusal` is the only door to an effect and asks them all.
package enum Safety {
    package static func refusal(of action: Action, facts: FleetFacts) -> Reason? {
        func asked(_ name: SafetyRule, _ rule: (Action, FleetFacts) -> Reason?) -> Reason? { facts.holds(name) ? rule(action, facts) : nil }
        let ofVMs =
            asked(.ownershipIsSeen, ownershipIsSeen) ?? asked(.creationFitsBudget, creationFitsBudget)
            ?? asked(.massLossIsNoReason, massLossIsNoReason) ?? asked(.onlyOneFounding, onlyOneFounding)
        if let ofVMs { return ofVMs }
        let ofServers =
            asked(.serversStay, serversStay) ?? asked(.removalIsRecorded, removalIsRecorded) ?? asked(.membersGoFirst, membersGoFirst)
            ?? asked(.quorumHolds, quorumHolds) ?? asked(.wantedStay, wantedStay)
        if let ofServers { return ofServers }
        return asked(.serversLead, serversLead) ?? asked(.oneServerAtATime, oneServerAtATime) ?? asked(.snapshotFirst, snapshotFirst)
    }

    /// Nothing is changed on a VM whose ownership tag was not observed in this run.
    static func ownershipIsSeen(_ action: Action, _ facts: FleetFacts) -> Reason? {
        if case .createVM(let step) = action {
            guard let vms = facts.observed.vms else { return .vmsNotListed }
            return vms[step.node] == nil ? nil : .vmExists(name: step.node)
        }
        if case .deleteNode = action { return nil }
        guard let vm = facts.observed.vms?[action.node] else {
            return .vmNotListed(name: action.node)
        }
        guard vm.tags.contains(facts.fleet.cluster.tag) else {
            return .vmForeign(name: vm.name, tag: facts.fleet.cluster.tag)
        }
        return nil
    }

    /// Never more VMs with our tag than the budget, those being created included.
    static func creationFitsBudget(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .createVM(let step) = action else { return nil }
        let others = facts.counts.occupants - (facts.isOccupant(step.node) ? 1 : 0)
        guard others >= facts.fleet.limits.maxVMs else { return nil }
        let unlisted = facts.unlisted.filter { $0 != step.node }
        return .vmLimitExceeded(others: others, unlisted: unlisted, limit: facts.fleet.limits.maxVMs)
    }

    /// The breaker. That two or more VMs, and more than a third of them, are gone at once is sooner trouble of exe.dev than a wish of anybody's;
    /// unattended, nothing is made again then. It closes by itself when the list shows them again, and an operator's `apply` passes it.
    static func massLossIsNoReason(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .createVM(let step) = action, facts.record(step.node)?.createdAt != nil else { return nil }
        let (count, known) = facts.counts.vanished
        guard count >= 2, count * 3 > known else { return nil }
        return .vmsVanished(count: count, of: known)
    }

    /// A cluster is founded once: a rebuilt server with an empty disk would found a second one (facts/k3s.md §5.3).
    static func onlyOneFounding(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .install(let step) = action, step.setup.role == .server else { return nil }
        if facts.joins(step.node) { return step.setup.serverAddress == nil ? facts.controlPlane.reason : joinsAfresh(step.node, facts) }
        if let founder = facts.ledger.founder, founder != step.node {
            return .foundedElsewhere(server: founder)
        }
        guard facts.ledger.caHash != nil, facts.observed.node(step.node) == nil, case .probed(let probe)? = facts.observed.hosts[step.node],
            !probe.hasServerData
        else { return nil }
        return .serverDataGone(name: step.node)
    }

    /// `apply` removes a server only when the file asks for fewer of them, and all of those are members.
    static func serversStay(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard action.isDestructive else { return nil }
        let isServer = facts.isOurServer(action.node) || facts.controlPlane.contains(action.node)
        return isServer && !facts.mayLeave(action.node) ? .serverNotRemovable(name: action.node) : nil
    }

    /// An agent is never newer than its servers, which Kubernetes forbids (facts/k3s.md §10).
    static func serversLead(_ action: Action, _ facts: FleetFacts) -> Reason? {
        let version: K3sVersion? =
            switch action {
            case .prepare(let step) where step.host.role == .agent: step.host.version
            case .install(let step) where step.setup.role == .agent: step.version
            case .upgradeK3s(let step) where step.role == .agent: step.version
            default: nil
            }
        guard let version, let server = facts.controlPlane.oldestVersion, server < version else { return nil }
        return .agentAheadOfServer(node: action.node, version: version, server: server)
    }

    /// The datastore of a newer k3s does not go back to an older one (facts/k3s.md §10): a copy of it is kept first.
    static func snapshotFirst(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard case .upgradeK3s(let step) = action, step.role == .server, !facts.hasSnapshot(before: step.version) else { return nil }
        return .snapshotMissing(version: step.version)
    }

    /// A VM is removed only when our tag is on it and our own ledger knows it.
    static func removalIsRecorded(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard action.isDestructive, facts.record(action.node) == nil else { return nil }
        return .notInLedger(name: action.node)
    }
}

extension Safety {
    /// What the file asks for is taken down for one purpose: to be made again, because an operator asked for it, or because it is due and the
    /// policy allows it.
    static func wantedStay(_ action: Action, _ facts: FleetFacts) -> Reason? {
        guard action.isDestructive, let want = facts.desired(action.node), facts.replacementCause(want.name) == nil else { return nil }
        let isDue = facts.isOfAnotherImage(want) || action.kind == .deleteNode && facts.hasLostMachine(want)
        return isDue && facts.mayReplace(want) ? nil : .nodeStays(name: want.name)
    }
}
