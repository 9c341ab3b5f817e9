import K3s

/// A node of the cluster whose VM runs.
struct JoinedNode {
    let want: DesiredNode
    let vm: ObservedVM
    let reading: NodeReading
    let node: NodeFacts
}

/// While the node is in the cluster. The first rule of the table that applies decides; a node to which none applies is settled.
extension Join {
    typealias Rule = @Sendable (JoinedNode, FleetFacts) -> Decision?

    static let rules: [Rule] = [
        mismatched, deleting, memberLeft, unheard, unheardBehindALock, hostReset, wantedAgain, Upgrade.staged,
        // Before readiness: a configuration that keeps a node down is mended by another one.
        reconfigured, drifted, Upgrade.reverted, failing, restarted, notReady, voting, reentered, differingLabels, differingShare,
        differingTags, differingComment, registeredOtherwise, remade, Resize.asked, Resize.goesOn, Upgrade.ended, Upgrade.due, Resize.due,
        // What cannot be mended holds up nothing.
        foreignConfiguration, differingFounding, Resize.unseen, shrinking, differingImage, network, answering,
    ]

    static func joined(_ joined: JoinedNode, _ facts: FleetFacts) -> Decision {
        for rule in rules {
            if let decision = rule(joined, facts) { return decision }
        }
        return .settled
    }

    /// What takes nothing from anybody is done before the maintenance window opens for what does.
    static func meanwhile(_ decision: Decision, _ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision {
        guard case .act(let action, let reason) = decision, Planner.waitForWindow(action, because: reason, node, facts) != nil,
            case .joined(let vm, let reading) = NodeState.of(node, want, facts), reading.ready == .ready, !node.isOutdated
        else { return decision }
        let joined = JoinedNode(want: want, vm: vm, reading: reading, node: node)
        let steps = [differingLabels, differingShare, differingTags, differingComment].lazy.compactMap { $0(joined, facts) }
        return steps.first { $0.action != nil } ?? decision
    }

    /// What cannot be mended in place by this version.
    private static let mismatched: Rule = { joined, facts in
        let want = joined.want
        if let reason = facts.controlPlane.mismatch { return .blocked(reason) }
        if let version = joined.reading.version, let reason = downgrade(version, want, facts) { return .blocked(reason) }
        let isServer = joined.reading.isControlPlane
        return isServer == (want.role == .server) ? nil : .blocked(.roleChanged(isServer: isServer))
    }

    /// Until they are put back the cluster goes on with those of its founding.
    private static let differingFounding: Rule = { joined, facts in
        let (pods, services) = (facts.ledger.clusterCIDR, facts.ledger.serviceCIDR)
        guard pods == facts.clusterCIDR, services == facts.serviceCIDR else {
            return .blocked(.networkRangesChanged(clusterCIDR: pods, serviceCIDR: services))
        }
        guard joined.want.role == .server else { return nil }
        if !facts.foundingChanges.isEmpty { return .blocked(.foundingValuesChanged(facts.foundingChanges)) }
        return facts.criticalChanges.isEmpty ? nil : .blocked(.criticalValuesChanged(facts.criticalChanges))
    }

    private static let deleting: Rule = { joined, _ in
        joined.reading.deleting ? .wait(Wait(.nodeDeleting, read: .cluster, every: 2)) : nil
    }

    /// Nothing is done on the host of a silent node before it was probed.
    private static let unheard: Rule = { joined, _ in
        guard joined.reading.ready == .unknown else { return nil }
        switch joined.node.host {
        case .probed: return nil
        case .unreachable(let reason): return silent(joined, .unreachable(reason))
        case .refused, .loginRefused, nil: return joined.node.unprobed
        }
    }

    private static func silent(_ joined: JoinedNode, _ evidence: HostEvidence?) -> Decision {
        .wait(Wait(.nodeSilent(evidence), read: .cluster, every: 2, diagnostics: .host(joined.want.name)))
    }

    /// A node whose host lacks what k3s needs, or where k3s is stopped, is set up once more, although it may read ready for a minute; the Node of
    /// another machine is purged. k3s is not started with arguments of others.
    private static let hostReset: Rule = { joined, facts in
        let want = joined.want
        guard case .probed(let probe)? = joined.node.host, joined.reading.ready == .unknown || probe.isHalted(want.role) else { return nil }
        switch NodeState.inside(joined.vm, probe, want, facts) {
        case .bare(_, let probe): return bare(want, probe, facts)
        // Of a ledger that does not know the machine its address tells: it cannot join under a name whose password it does not have.
        case .prepared(_, let probe, let overlay) where want.role == .agent && overlay != joined.reading.internalIP,
            .installed(_, let probe, let overlay) where want.role == .agent && overlay != joined.reading.internalIP:
            return otherCluster(probe, facts).map(Decision.blocked) ?? purge(want, joined.node)
        case .prepared where !probe.foreignFiles.isEmpty: return nil
        case .prepared where joined.node.wasRepaired:
            return probe.unit(want.role).map { .blocked(.k3sFails(node: want.name, role: want.role, unit: $0, journal: probe.journal)) }
        case .prepared(_, let probe, let overlay): return prepared(want, probe, overlay, joined.node, facts)
        case .refused(_, let reason): return .blocked(reason)
        default: return nil
        }
    }

    /// A removal that had begun when the file came to ask for the node again: k3s is started where it may have been stopped, then the cordon is
    /// lifted.
    private static let wantedAgain: Rule = { joined, facts in
        let want = joined.want
        let uncordon = Decision.act(.uncordon(Uncordon(node: want.name)), .wantedAgain)
        switch joined.node.leaveStage {
        // What this ledger does not know the node tells itself.
        case nil where joined.reading.unschedulable && joined.reading.annotations[NodePatch.removing] != nil: return uncordon
        case nil: return nil
        case .returning: return uncordon
        case .begun where joined.node.instance.configuration != .unknown: return uncordon
        // Of one whose configuration is not known a doubted ledger may have forgotten that k3s was stopped.
        case .begun, .drained, .stopped, .nodeDeleted:
            guard let overlay = joined.reading.internalIP, facts.controlPlane.answers else {
                return .wait(Wait(facts.controlPlane.reason, read: .cluster, every: 1))
            }
            return .act(facts.install(want, overlay: overlay), .wantedAgain)
        }
    }

    private static let reconfigured: Rule = { joined, facts in
        let want = joined.want
        guard let overlay = joined.reading.internalIP, want.role == .server || facts.controlPlane.answers else { return nil }
        let (configuration, action) = (joined.node.instance.configuration, facts.install(want, overlay: overlay))
        if facts.sets(action, configuration) { return nil }
        let reason: Reason =
            switch configuration {
            // What runs already as it is asked for is not restarted by it.
            case .notRecorded: .configurationNotRecorded
            case .unknown: .installOutcomeUnknown
            case .digest: .configurationChanged
            }
        return .act(action, reason)
    }

    /// k3s ends there again and again, or has not come up in the time that it may take: waiting mends nothing.
    private static let failing: Rule = { joined, facts in
        let (want, node) = (joined.want, joined.node)
        guard joined.reading.ready != .ready || node.instance.isRestarting, case .probed(let probe)? = node.host,
            let unit = probe.unit(want.role), unit.active != "active"
        else { return nil }
        // One that starts with its VM is waited for.
        let isLate = node.instance.isRestarting && facts.now - (node.instance.startedAt ?? facts.now) > Planner.startDeadline(want.role)
        let isLoop = unit.restarts >= Planner.restartsOfALoop && unit.sub == "auto-restart"
        guard isLate || isLoop else { return nil }
        if let decision = foreignConfiguration(joined, facts) { return decision }
        return .blocked(.k3sFails(node: want.name, role: want.role, unit: unit, journal: probe.journal))
    }

    /// A node that we restarted reads ready for a minute although its kubelet is gone; its host tells sooner (facts/kubernetes.md #1).
    private static let restarted: Rule = { joined, _ in
        let (want, node) = (joined.want, joined.node)
        guard node.instance.isRestarting, joined.reading.ready == .ready else { return nil }
        let journal: String? = if case .probed(let probe)? = node.host { probe.journal } else { nil }
        return .wait(
            Wait(.restartUnconfirmed(unit: node.unit(want.role), journal: journal), read: .host(want.name), every: 2, diagnostics: .cluster)
        )
    }

    /// Of a host that was looked into.
    private static let drifted: Rule = { joined, facts in
        let want = joined.want
        guard case .probed(let probe)? = joined.node.host, let overlay = joined.reading.internalIP,
            want.role == .server || facts.controlPlane.answers
        else { return nil }
        guard HostScript.names(probe.hostname, want.name) else {
            return .blocked(.hostMisrouted(vm: want.name, hostname: probe.hostname))
        }
        if let reason = otherCluster(probe, facts) { return .blocked(reason) }
        // k3s would be started again with what stands there: that is the operator's to decide first.
        guard probe.foreignFiles.isEmpty, let drift = facts.drift(probe, from: want, overlay: overlay) else { return nil }
        return repair(drift, joined, overlay, facts)
    }

    /// After the taints of the Node itself were patched.
    private static let registeredOtherwise: Rule = { joined, facts in
        guard case .probed(let probe)? = joined.node.host, let overlay = joined.reading.internalIP, facts.controlPlane.answers,
            probe.foreignFiles.isEmpty, let drift = facts.registrationDrift(probe, from: joined.want, overlay: overlay)
        else { return nil }
        return repair(drift, joined, overlay, facts)
    }

    private static func repair(_ drift: HostDrift, _ joined: JoinedNode, _ overlay: String, _ facts: FleetFacts) -> Decision {
        if joined.node.wasRepaired { return .blocked(.hostDriftsAgain(drift)) }
        return .act(facts.install(joined.want, overlay: overlay), .hostDrifted(drift))
    }

    private static let foreignConfiguration: Rule = { joined, _ in
        guard case .probed(let probe)? = joined.node.host, !probe.foreignFiles.isEmpty else { return nil }
        return .blocked(.foreignConfiguration(files: probe.foreignFiles))
    }

    /// One that is starting is waited for; one that is silent comes back when it will.
    private static let notReady: Rule = { joined, facts in
        let hadItsTime = facts.readTime - (joined.node.instance.startedAt ?? -.infinity) > Planner.startDeadline(joined.want.role)
        if joined.reading.ready != .ready, hadItsTime, let decision = foreignConfiguration(joined, facts) { return decision }
        return switch joined.reading.ready {
        case .ready: nil
        case .notReady:
            .wait(
                Wait(
                    .nodeNotReady(joined.reading.ready.words, joined.node.host.map { HostEvidence($0, joined.want.role) }), read: .cluster,
                    every: 0.5, diagnostics: .host(joined.want.name)))
        case .unknown: silent(joined, joined.node.host.map { HostEvidence($0, joined.want.role) })
        }
    }

    private static let differingLabels: Rule = { joined, _ in
        NodePatch.drift(of: joined.reading, from: joined.want).map { patch in
            joined.node.patches < Planner.patchesInARun
                ? .act(.patchNode(PatchNode(node: joined.want.name, patch)), .labelsOrTaintsDiffer)
                : .blocked(.labelsChangeAgain(patch.summary))
        }
    }

    /// Only tags that we put there are taken off again.
    private static let differingTags: Rule = { joined, _ in
        let (want, present) = (joined.want.vm.tags, joined.vm.tags)
        let missing = want.filter { !present.contains($0) }
        let leaving = (joined.node.instance.spec?.tags ?? []).filter { !want.contains($0) && present.contains($0) }
        if missing.isEmpty, leaving.isEmpty { return nil }
        return .act(.tagVM(TagVM(node: joined.want.name, tags: want, adding: missing, removing: leaving)), .tagsDiffer)
    }

    /// One that the file asks for no more is cleared while it is still ours.
    private static let differingComment: Rule = { joined, _ in
        let (name, present, ours) = (joined.want.name, joined.vm.comment, joined.node.instance.spec?.comment)
        if let comment = joined.want.vm.comment {
            return comment == present ? nil : .act(.commentVM(CommentVM(node: name, comment)), .commentDiffers)
        }
        return ours != nil && ours == present ? .act(.commentVM(CommentVM(node: name, "")), .commentDiffers) : nil
    }

    /// A disk only grows; all other sizes are the matter of `Resize`.
    private static let shrinking: Rule = { joined, _ in
        let (want, made, size) = (joined.want.vm, joined.node.instance.spec, joined.node.instance.reportedSize(joined.vm.size))
        guard want.shrinksDisk(made: made, size: size), let disk = want.changes(made: made, size: size).first(where: { $0.field == "disk" })
        else { return nil }
        return .blocked(.diskNotShrinkable(disk))
    }

    private static let differingShare: Rule = { joined, _ in
        sharing(joined.want, joined.node.instance.sharing, joined.node.share)
    }

    /// A node that is not to be shared any more is private, and users that we granted access lose it when the file names them no more. Access
    /// that others granted stays. `present`: as it was read, by who has.
    static func sharing(_ want: DesiredNode, _ sharing: Sharing, _ present: Share?) -> Decision? {
        guard let share = want.share ?? (sharing == .notSet ? nil : .initial) else { return nil }
        let leaving = sharing.grants.filter { !share.users.contains($0) }
        let isKept = present?.grants(share) ?? true
        guard sharing.share != share || !leaving.isEmpty || !isKept else { return nil }
        return .act(.share(ShareVM(node: want.name, share, revoking: leaving)), .sharingDiffers)
    }
}

extension Share {
    /// Whether it is so; access that others granted is no matter.
    fileprivate func grants(_ wish: Share) -> Bool {
        (wish.port == nil || port == wish.port) && isPublic == wish.isPublic && wish.users.allSatisfy(users.contains)
    }
}
