import K3s

/// Decides. A pure function: the same facts give the same plan.
package enum Planner {
    /// Seconds a lost `new` may still produce its VM before it is taken for not done: exe.dev cuts a command at 30 s (facts/exedev.md
    /// §2.3, 2026). Should it come later still, the next `new` is refused, because names are unique.
    package static let creationGrace = 40.0
    /// One that seems longer was written by a clock that ran ahead.
    static let longestBackOff = 3600.0
    /// Seconds between two lists that must both lack a VM that was here before it is taken for gone.
    static let secondListAfter = 5.0
    /// Seconds for which exe.dev's lists may still call a VM stopped that was started; another `restart` would be a power cut (facts/exedev.md §1.2).
    package static let startGrace = 60.0
    /// Seconds k3s may take to join before the evidence is fetched (facts/k3s.md §9, suggested deadlines).
    static func startDeadline(_ role: Role) -> Double { role == .server ? 300 : 180 }

    /// What is to be done now about each node, made of `facts` and nothing else. O(nodes).
    package static func plan(_ facts: FleetFacts) -> Plan {
        let facts = facts.counted
        var draft = Draft(of: facts)
        draft.holdUp(facts)
        Pacing.apply(to: &draft, facts)
        return Plan(cluster: facts.fleet.cluster.name, lines: draft.entries.map(\.line))
    }

    static func line(for node: DesiredNode, _ subject: Subject, _ facts: FleetFacts) -> Plan.Line {
        let decision = admitted(
            changed(subject, facts) ?? decide(node, NodeState.of(subject, node, facts), subject, facts), subject, facts)
        var line = Plan.Line(node: node.name, pool: node.pool, decision: decision, then: [])
        if case .act(let action, _) = decision { line.then = following(action, node, subject) }
        return line
    }

    /// Nothing is decided about a node on a reading that is older than our last action there.
    static func changed(_ subject: Subject, _ facts: FleetFacts) -> Decision? {
        guard subject.isOutdated, facts.holds(.outdatedReading) else { return nil }
        return .wait(Wait(.awaitingClusterRead, look: .cluster, every: 0))
    }

    /// The last word about a node: what was refused before, safety, back-off, and what was approved.
    static func admitted(_ decision: Decision, _ subject: Subject, _ facts: FleetFacts) -> Decision {
        if !decision.isSettled, let block = subject.refusal { return .blocked(block) }
        guard case .act(let action, _) = decision else { return decision }
        if let block = Safety.refusal(of: action, facts: facts) { return .blocked(block) }
        // Only who holds a cluster's Lease changes its fleet, and one that does not answer cannot be asked for it: its server is mended first.
        if facts.ledger.caHash != nil, !facts.hasControlPlane, subject.name != facts.serverName, facts.holds(.clusterAnswersFirst) {
            return .wait(Wait(facts.controlPlaneReason, look: .cluster, every: 1))
        }
        if let attempt = subject.attempt, attempt.notBefore > facts.now, attempt.notBefore <= facts.now + longestBackOff,
            facts.holds(.backOff)
        {
            // It may fail because the VM is gone.
            return .wait(Wait(.backOff(failure: attempt.failure), evidence: .vms))
        }
        guard let approved = facts.approved, approved[subject.name]?.contains(action.step) != true, facts.holds(.approval) else {
            return decision
        }
        return .blocked(.actionNotApproved(action.step))
    }

    /// What this node needs next, and why. Every rule of the product is a line here.
    static func decide(_ want: DesiredNode, _ state: NodeState, _ subject: Subject, _ facts: FleetFacts) -> Decision {
        switch state {
        case .unseen:
            unseen
        case .foreign(let vm):
            .blocked(.vmForeign(name: vm.name, tag: facts.fleet.cluster.tag))
        case .ghost(let node) where node.ready == .ready && facts.holds(.livingGhost):
            .wait(Wait(.nodeAliveWithoutVM, look: .vms, every: 3, evidence: .cluster))
        case .absent, .ghost:
            create(want, subject, facts)
        case .halted(let vm):
            halted(vm, subject, facts)
        case .unprobed(let vm):
            .wait(Wait(.awaitingProbe, look: .host(vm.name), every: 1))
        case .unreachable(let vm, let reason):
            .wait(Wait(.hostUnreachable(reason), look: .host(vm.name), every: 1))
        case .refused(_, let reason):
            .blocked(reason)
        case .bare(_, let probe):
            bare(want, probe, facts)
        case .prepared(_, let probe, let overlay):
            prepared(want, probe, overlay, subject, facts)
        case .installed(_, let probe, let overlay):
            installed(want, probe, overlay, subject, facts)
        case .joined(let vm, let node):
            joined(want, vm, node, subject, facts)
        }
    }

    /// Of every node before the VMs were listed.
    static let unseen = Decision.wait(Wait(.awaitingVMList, look: .vms, every: 1))

    /// A VM that is not listed may still come of what was asked for.
    static func awaited(_ subject: Subject, _ facts: FleetFacts) -> Decision? {
        let isYoung = subject.record.creating.map { facts.listTime - $0 < creationGrace } ?? false
        let isUnanswered = subject.asked.map { facts.uptime - $0 < creationGrace } ?? false
        guard isYoung || isUnanswered, facts.holds(.creationGrace) else { return nil }
        return .wait(Wait(.createOutcomeUnknown, look: .vms, every: 3))
    }

    static func create(_ want: DesiredNode, _ subject: Subject, _ facts: FleetFacts) -> Decision {
        if let wait = awaited(subject, facts) { return wait }
        // A machine that was here is taken for gone when exe.dev and the cluster both say so (facts/k3s.md §14.9), the one twice; the cluster is
        // asked by `admitted`.
        if facts.needsSecondList(subject.record) {
            return .wait(Wait(.awaitingSecondVMList, look: .vms, every: 3))
        }
        // What failed is tried again by the VMs that there are then: meanwhile somebody else may have made it.
        if subject.isToBeSeenAgain(facts.listedAt, facts) {
            return .wait(Wait(.awaitingNewVMList, look: .vms, every: 0))
        }
        if want.role == .server, facts.ledger.caHash != nil, facts.holds(.lostServer) {
            return .blocked(.serverVMGone(name: want.name))
        }
        return .act(
            .createVM(name: want.name, shape: want.vm, ownerTag: facts.fleet.cluster.tag), .vmMissing)
    }

    static func halted(_ vm: ObservedVM, _ subject: Subject, _ facts: FleetFacts) -> Decision {
        let isYoung = subject.record.poweredOn.map { facts.listTime - $0 < startGrace } ?? false
        return switch vm.status {
        case .stopped where isYoung && facts.holds(.startGrace):
            .wait(Wait(.vmStarting, look: .vms, every: 3))
        case .stopped where subject.isToBeSeenAgain(facts.listedAt, facts):
            .wait(Wait(.awaitingNewVMList, look: .vms, every: 0))
        case .stopped: .act(.startVM(name: vm.name), .vmStopped)
        case .paused: .blocked(.vmPaused(name: vm.name))
        case .failed(let word):
            .blocked(.vmFailed(name: vm.name, status: word))
        case .other(let word): .wait(Wait(.vmNotRunning(word), look: .vms, every: 5))
        case .running, .starting: .wait(Wait(.awaitingProbe, look: .host(vm.name), every: 1))
        }
    }

    /// Our tag is on the VM, and another cluster's, or another ledger's, mark is inside.
    static func otherCluster(_ probe: HostProbe, _ facts: FleetFacts) -> Reason? {
        let isFoundling = probe.clusterID == nil && probe.hasServerData && facts.ledger.founder == nil
        let other = probe.clusterID.flatMap { $0 == facts.ledger.clusterID ? nil : $0 }
        guard other != nil || isFoundling, facts.holds(.otherCluster) else { return nil }
        return .hostOfOtherCluster(id: other)
    }

    static func bare(_ want: DesiredNode, _ probe: HostProbe, _ facts: FleetFacts) -> Decision {
        if let block = otherCluster(probe, facts) { return .blocked(block) }
        guard probe.isBooted else {
            return .wait(Wait(.hostBooting(systemd: probe.systemd), look: .host(want.name), every: 1))
        }
        // Its node may be missing only because the API is silent: what runs there is not changed under it.
        if probe.runs(want.role), let version = probe.binaryVersion, let block = versionBlock(version, want, facts) {
            return .blocked(block)
        }
        return .act(.prepare(node: want.name, version: want.k3s, role: want.role), .hostUnprepared)
    }

    static func prepared(
        _ want: DesiredNode, _ probe: HostProbe, _ overlay: String, _ subject: Subject, _ facts: FleetFacts
    ) -> Decision {
        if let block = otherCluster(probe, facts) { return .blocked(block) }
        if want.role == .agent, !facts.hasControlPlane {
            return .wait(Wait(facts.controlPlaneReason, look: .cluster, every: 1))
        }
        if want.role == .agent, subject.record.hasStaleIdentity { return forget(want) }
        return .act(.install(facts.setup(of: want, overlay: overlay)), .k3sNotInstalled)
    }

    private static func forget(_ want: DesiredNode) -> Decision {
        .act(.forget(node: want.name), .identityStale)
    }

    static func installed(
        _ want: DesiredNode, _ probe: HostProbe, _ overlay: String, _ subject: Subject, _ facts: FleetFacts
    ) -> Decision {
        if let block = otherCluster(probe, facts) { return .blocked(block) }
        let started = subject.record.started
        if want.role == .agent, !facts.hasControlPlane {
            return .wait(Wait(facts.controlPlaneReason, look: .cluster, every: 1))
        }
        if want.role == .agent, subject.record.hasStaleIdentity { return forget(want) }
        // A server that is up is changed when the cluster says how the others are, and not because one reading of it failed. systemd calls it
        // active once the API answered (facts/k3s.md §8.2).
        if want.role == .server, facts.ledger.caHash != nil, probe.server?.active == "active" {
            if facts.clusterAnswers, started.map({ facts.readTime - $0 > startDeadline(.server) }) ?? true {
                return .blocked(.serverNotRegistered(name: want.name))
            }
            return .wait(Wait(facts.controlPlaneReason, look: .cluster, every: 1, evidence: .host(want.name)))
        }
        if started == nil || subject.record.config == nil || subject.record.config != facts.setup(of: want, overlay: overlay).configHash {
            return .act(.install(facts.setup(of: want, overlay: overlay)), .installInterrupted)
        }
        let unit = want.role == .server ? probe.server : probe.agent
        if hadItsTime(subject, want.role, facts) {
            // Once: one that does not join then has another reason.
            if want.role == .agent, unit?.active == "active", subject.record.rejoined == nil {
                return .act(.restart(node: want.name, role: .agent), .nodeNotRegistered)
            }
            return .blocked(
                .k3sDidNotJoin(node: want.name, role: want.role, seconds: Int(startDeadline(want.role)), journal: probe.journal))
        }
        return .wait(Wait(.k3sJoining(unit: unit, journal: probe.journal), look: .cluster, every: 0.5, evidence: .host(want.name)))
    }

    /// Whether k3s was started so long ago, by both clocks, that it should have joined: an agent by the last reading, for the cluster may have been
    /// silent since; a server that does not come up cannot be read.
    private static func hadItsTime(_ subject: Subject, _ role: Role, _ facts: FleetFacts) -> Bool {
        let (wall, uptime) = role == .agent ? (facts.readTime, facts.readAt?.uptime ?? facts.uptime) : (facts.now, facts.uptime)
        guard let started = subject.record.started, wall - started > startDeadline(role) else { return false }
        return subject.started.map { uptime - $0 >= startDeadline(role) } ?? true
    }

    static func joined(
        _ want: DesiredNode, _ vm: ObservedVM, _ node: NodeReading, _ subject: Subject, _ facts: FleetFacts
    ) -> Decision {
        if let block = mismatch(want, node, facts) { return .blocked(block) }
        if node.deleting { return .wait(Wait(.nodeDeleting, look: .cluster, every: 2)) }
        if let decision = revived(want, vm, node, subject, facts) ?? broughtBack(want, node, subject, facts) { return decision }
        // Before its readiness: a configuration that keeps a node down is mended by another one.
        if let overlay = node.internalIP, let decision = reconfigured(want, overlay, subject, facts) { return decision }
        guard case .ready = node.ready else {
            // One that is starting is waited for; one that is silent comes back when it will.
            guard node.ready == .unknown else { return .wait(Wait(.nodeNotReady(node.ready.words), look: .cluster, every: 0.5)) }
            return .wait(Wait(.nodeSilent, look: .cluster, every: 2, evidence: .host(want.name)))
        }
        if let shape = NodeShape.drift(of: node, from: want) {
            return .act(.shape(node: want.name, shape), .labelsOrTaintsDiffer)
        }
        let missing = want.vm.tags.filter { !vm.tags.contains($0) }
        if !missing.isEmpty { return .act(.tagVM(name: want.name, tags: missing), .tagsMissing) }
        return sharing(want, subject.record) ?? .settled
    }

    /// A node that is not to be shared any more is private, and whoever was let in by us is let out when the file names him no more. Whom others let
    /// in stays.
    static func sharing(_ want: DesiredNode, _ record: Ledger.VMRecord) -> Decision? {
        let former = record.guests
        let wasNever = record.share == nil && record.invited == nil
        guard let share = want.share ?? (wasNever ? nil : .initial) else { return nil }
        let leaving = former.filter { !share.users.contains($0) }
        guard record.share != share || !leaving.isEmpty else { return nil }
        return .act(.share(vm: want.name, share, revoking: leaving), .sharingDiffers)
    }

    /// A silent node whose host lacks what k3s needs, or where nobody runs it, is set up once more; one that was another machine's is forgotten.
    static func revived(
        _ want: DesiredNode, _ vm: ObservedVM, _ node: NodeReading, _ subject: Subject, _ facts: FleetFacts
    ) -> Decision? {
        guard node.ready == .unknown, case .probed(let probe)? = subject.host else { return nil }
        switch NodeState.inside(vm, probe, want, digest: facts.ledger.digests[want.k3s.description]) {
        case .bare(_, let probe): return bare(want, probe, facts)
        // Of a ledger that does not know the machine its address tells: it cannot join under a name whose password it does not have.
        case .prepared(_, let probe, let overlay) where want.role == .agent && overlay != node.internalIP,
            .installed(_, let probe, let overlay) where want.role == .agent && overlay != node.internalIP:
            return otherCluster(probe, facts).map(Decision.blocked) ?? forget(want)
        case .prepared(_, let probe, let overlay): return prepared(want, probe, overlay, subject, facts)
        case .refused(_, let reason): return .blocked(reason)
        default: return nil
        }
    }

    /// A removal that had begun when the file came to ask for the node again: k3s is started where it may have been stopped, then the
    /// cordon is lifted.
    static func broughtBack(_ want: DesiredNode, _ node: NodeReading, _ subject: Subject, _ facts: FleetFacts) -> Decision? {
        switch subject.record.removal {
        // What this ledger does not know the node tells itself.
        case nil where node.unschedulable && node.annotations[NodeShape.removing] != nil:
            return .act(.uncordon(node: want.name), .wantedAgain)
        case nil: return nil
        case .begun, .returning: return .act(.uncordon(node: want.name), .wantedAgain)
        case .drained, .stopped, .nodeDeleted:
            guard let overlay = node.internalIP, facts.hasControlPlane else {
                return .wait(Wait(facts.controlPlaneReason, look: .cluster, every: 1))
            }
            return .act(.install(facts.setup(of: want, overlay: overlay)), .wantedAgain)
        }
    }

    static func versionBlock(_ version: K3sVersion, _ want: DesiredNode, _ facts: FleetFacts) -> Reason? {
        guard version != want.k3s, facts.holds(.versionStays) else { return nil }
        return version > want.k3s ? .downgrade(from: version, to: want.k3s) : .upgradeNotSupported(from: version, to: want.k3s)
    }

    /// What cannot be mended in place by this version.
    static func mismatch(_ want: DesiredNode, _ node: NodeReading, _ facts: FleetFacts) -> Reason? {
        if let block = facts.strangeness { return block }
        if let version = node.version, let block = versionBlock(version, want, facts) { return block }
        let isServer = node.isControlPlane
        guard isServer == (want.role == .server) else {
            return .roleChanged(isServer: isServer)
        }
        guard facts.ledger.clusterCIDR == facts.clusterCIDR, facts.ledger.serviceCIDR == facts.serviceCIDR else {
            return .networkRangesChanged(clusterCIDR: facts.ledger.clusterCIDR, serviceCIDR: facts.ledger.serviceCIDR)
        }
        return nil
    }

    static func reconfigured(_ want: DesiredNode, _ overlay: String, _ subject: Subject, _ facts: FleetFacts) -> Decision? {
        guard want.role == .server || facts.hasControlPlane else { return nil }
        let config = subject.record.config
        let setup = facts.setup(of: want, overlay: overlay)
        if let config, config == setup.configHash { return nil }
        let reason: Reason =
            switch config {
            // What runs already as it is asked for is not restarted by it.
            case nil: .configurationNotRecorded
            case Ledger.VMRecord.unknownConfig: .installOutcomeUnknown
            default: .configurationChanged
            }
        return .act(.install(setup), reason)
    }

    /// The way from an action to a settled node, as far as it can be known beforehand.
    static func following(_ action: Action, _ want: DesiredNode, _ subject: Subject) -> [StepKind] {
        guard let at = way.firstIndex(of: action.step) else { return [] }
        return way[(at + 1)...].filter { step in
            switch step {
            case .startVM: false
            case .forget: want.role == .agent
            case .uncordon: subject.record.removal != nil
            case .tagVM: !want.vm.tags.isEmpty && action.step != .createVM
            case .share: want.share != nil || sharing(want, subject.record) != nil
            default: true
            }
        }
    }

    private static let way: [StepKind] = [.createVM, .startVM, .prepare, .forget, .install, .uncordon, .shape, .tagVM, .share]
}
