import K3s

/// The way from nothing to a settled node: create VM → prepare → purge old identity → install → patch → tag → share.
/// The table: each state of a node, and what it needs next.
enum Join {
    static func decide(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        Resize.underWay(want, node, facts) ?? node.outdated(facts) ?? Death.decide(want, node, facts)
            ?? decide(want, NodeState.of(node, want, facts), node, facts)
    }

    static func decide(_ want: DesiredNode, _ state: NodeState, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        switch state {
        case .unseen: .wait(Wait(.awaitingVMList, read: .vms, every: 1))
        case .foreign(let vm): .blocked(.vmForeign(name: vm.name, tag: facts.fleet.cluster.tag))
        case .nodeWithoutVM(let reading) where reading.ready == .ready && facts.holds(.nodeAlive):
            .wait(Wait(.nodeAliveWithoutVM, read: .vms, every: 3, diagnostics: .cluster))
        case .absent, .nodeWithoutVM: create(want, node, facts)
        case .halted(let vm): halted(vm, node, facts)
        case .unprobed: node.unprobed
        case .unreachable(let vm, let reason): .wait(Wait(.hostUnreachable(reason), read: .host(vm.name), every: 1))
        case .refused(_, let reason): .blocked(reason)
        case .bare(_, let probe): bare(want, probe, facts)
        case .prepared, .installed, .joined:
            facts.missingRegistrySecret.map(Decision.blocked) ?? setUp(want, state, node, facts)
        }
    }

    /// k3s can be configured there, or is.
    private static func setUp(_ want: DesiredNode, _ state: NodeState, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        switch state {
        case .prepared(_, let probe, let overlay): prepared(want, probe, overlay, node, facts)
        case .installed(_, let probe, let overlay): installed(want, probe, overlay, node, facts)
        case .joined(let vm, let reading): joined(JoinedNode(want: want, vm: vm, reading: reading, node: node), facts)
        default: .settled
        }
    }

    /// The steps that are expected after this one, as far as they can be known beforehand.
    static func following(_ action: Action, _ want: DesiredNode, _ node: NodeFacts) -> [StepKind] {
        if let steps = Resize.following(action, want, node) { return steps }
        if Leave.way.contains(action.kind) { return followingReplacement(action, want, node) }
        guard let at = way.firstIndex(of: action.kind) else { return [] }
        return way[(at + 1)...].filter { step in
            switch step {
            case .startVM: false
            case .purgeIdentity: want.role == .agent
            case .uncordon: node.leaveStage != nil && action.kind != .createVM
            case .commentVM: want.vm.comment != nil && action.kind != .createVM
            case .tagVM: !want.vm.tags.isEmpty && action.kind != .createVM
            case .share: want.share != nil || sharing(want, node.instance.sharing, node.share) != nil
            default: true
            }
        }
    }

    private static let way: [StepKind] = [
        .createVM, .startVM, .prepare, .purgeIdentity, .install, .uncordon, .patchNode, .share, .tagVM, .commentVM,
    ]
}

extension NodeFacts {
    /// What becomes of a step that must know its host, while that was not looked into.
    var unprobed: Decision {
        switch host {
        case .unreachable(let reason): .wait(Wait(.hostUnreachable(reason), read: .host(name), every: 1))
        case .refused(let reason, let advice), .loginRefused(let reason, let advice): .blocked(.hostRefused(reason, advice: advice))
        case .probed, nil: .wait(Wait(.awaitingProbe, read: .host(name), every: 1))
        }
    }

    /// Nothing is decided about a node on a reading that is older than our last action there.
    func outdated(_ facts: FleetFacts) -> Decision? {
        guard isOutdated else { return nil }
        return .wait(Wait(.awaitingClusterRead, read: .cluster, every: 0))
    }
}
