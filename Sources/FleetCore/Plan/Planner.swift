import K3s

/// Decides. A pure function: the same facts give the same plan.
package enum Planner {
    /// Seconds a command without an answer may still be carried out before it is taken for not done: exe.dev cuts a command at 30 s
    /// (facts/exedev.md §2.3, 2026). Should a `new` take longer still, the next one is refused, because names are unique.
    package static let commandGrace = 40.0
    /// How often in a row a name may be taken, as it seems by our own request, before the operator is asked: a cold image takes minutes, and each
    /// request waits for `commandGrace`.
    package static let takenNameAttempts = 15
    /// A longer back-off was written by a clock that ran ahead.
    static let longestBackOff = 3600.0
    /// Seconds between two lists that must both lack a VM that was here before it is taken for gone.
    static let secondListAfter = 5.0
    /// Seconds for which a reading of the cluster may be acted by; one may be a minute on its way.
    static let readingLasts = 90.0
    /// Seconds for which exe.dev's lists may still call a VM stopped that was started; another `restart` would be a power cut (facts/exedev.md §1.2).
    package static let startGrace = 60.0
    /// Seconds between two tries of a drain, each of which opens a connection.
    package static let drainPause = 10.0
    /// How often one run puts a Node's labels and taints right which somebody else changes back.
    static let patchesInARun = 5
    /// Seconds until a drain that cannot end is tried again.
    static let drainTriedAgainAfter = 60.0
    /// Seconds for which a VM that was just started may be silent and then refuse every key: its image puts ours there after sshd is up.
    static let loginGrace = 180.0
    /// How often systemd has started k3s again, 5 s after each end, when it is taken for a loop that does not end by itself.
    static let restartsOfALoop = 5
    /// Seconds k3s may take to join before diagnostics are fetched (facts/k3s.md §9, suggested deadlines).
    static func startDeadline(_ role: Role) -> Double { role == .server ? 300 : 180 }

    /// What is to be done now about each node, made of `facts` and nothing else. O(nodes).
    package static func plan(_ facts: FleetFacts) -> Plan {
        let facts = facts.settled
        let unmanaged = facts.counts.unmanaged.compactMap { PlannedNode.of($0, facts) }
        // Nodes whose VM is gone come last.
        var nodes = facts.fleet.nodes.compactMap { PlannedNode.of($0.name, facts) }
        nodes += unmanaged.filter { $0.subject.vm != nil } + unmanaged.filter { $0.subject.vm == nil }
        holdUp(&nodes, facts)
        Limits.grant(&nodes, facts)
        return Plan(cluster: facts.fleet.cluster.name, items: nodes.map(\.item))
    }

    /// The last word about a node: what was refused before, safety, back-off, and what was approved.
    static func admitted(_ decision: Decision, _ subject: NodeFacts, _ facts: FleetFacts) -> Decision {
        if !decision.isSettled, let refusal = subject.refusal { return .blocked(refusal) }
        guard case .act(let action, let reason) = decision else { return overdue(decision, subject, facts) ?? decision }
        if let refusal = Safety.refusal(of: action, facts: facts) {
            return afterRemovals(refusal, facts) ?? afterServers(refusal) ?? .blocked(refusal)
        }
        if let wait = waitForResume(facts) ?? waitForWindow(action, because: reason, subject, facts) { return .wait(wait) }
        if let wait = waitForLease(subject, action, facts) ?? waitForCommand(subject, facts) ?? backOff(subject, facts)
            ?? waitForReading(facts)
        {
            return .wait(wait)
        }
        guard let approved = facts.approved, facts.holds(.approval) else { return decision }
        let steps = approved[subject.name] ?? []
        // Who approved other taints approved that the host gets them for the node's next registration.
        if steps.contains(action.kind) || steps.contains(.patchNode) && reason.isOfRegistration { return decision }
        if action.kind == .revertK3s, steps.contains(.upgradeK3s) { return decision }
        return .blocked(.actionNotApproved(action.kind))
    }

    /// A wait that nothing of ours ends, which has lasted as long as a start may.
    private static func overdue(_ decision: Decision, _ subject: NodeFacts, _ facts: FleetFacts) -> Decision? {
        let role = facts.desired(subject.name)?.role ?? .agent
        guard case .wait(let wait) = decision, wait.reason.isTrouble(role), let since = subject.troubledSince,
            facts.uptime - since >= startDeadline(role), subject.seemsDeadSince == nil || !Death.isSeeming(subject, facts)
        else { return nil }
        if wait.reason.code == .controlPlaneNotReady, let loss = facts.lastingSilence { return .blocked(loss) }
        return .blocked(.waitTimedOut(wait.reason, node: subject.name, seconds: Int(startDeadline(role))))
    }

    /// Only the holder of a cluster's Lease changes its fleet, and one that does not answer cannot be asked for it: its server comes first.
    private static func waitForLease(_ subject: NodeFacts, _ action: Action, _ facts: FleetFacts) -> Wait? {
        guard facts.ledger.caHash != nil, !facts.controlPlane.answers, subject.name != facts.controlPlane.contact,
            facts.holds(.clusterAnswersFirst)
        else { return nil }
        // Several that have stopped are needed before any of them answers.
        if action.kind == .startVM, facts.desired(subject.name)?.role == .server { return nil }
        return Wait(facts.controlPlane.reason, read: .cluster, every: 1)
    }

    /// What exe.dev was asked for and has not answered may still be carried out, and undo what is done meanwhile.
    private static func waitForCommand(_ subject: NodeFacts, _ facts: FleetFacts) -> Wait? {
        let isYoung = subject.instance.commandSentAt.map { facts.listTime - $0 < commandGrace } ?? false
        let isUnanswered = subject.commanded.map { facts.uptime - $0 < commandGrace } ?? false
        guard isYoung || isUnanswered, facts.holds(.commandGrace) else { return nil }
        return Wait(.commandOutcomeUnknown, read: .vms, every: 3)
    }

    /// No room for a VM while one is missing that we were removing: soon it is known to be gone.
    private static func afterRemovals(_ refusal: Reason, _ facts: FleetFacts) -> Decision? {
        guard case .vmLimitExceeded(_, let unlisted, let limit) = refusal else { return nil }
        let removed = unlisted.filter { !facts.isWanted($0) && facts.record($0)?.leaveStage == .nodeDeleted }
        return removed.isEmpty ? nil : .wait(Wait(.limitReached(.maxVMs, limit, by: removed), read: .vms, every: 3, diagnostics: .cluster))
    }

    /// Other servers come first; that passes.
    private static func afterServers(_ refusal: Reason) -> Decision? {
        refusal.isOfOtherServers ? .wait(Wait(refusal, read: .cluster, every: 2)) : nil
    }

    /// Nothing is done by a reading of the cluster that is long past: nodes join and leave meanwhile, and others change them too.
    private static func waitForReading(_ facts: FleetFacts) -> Wait? {
        guard facts.controlPlane.answers, let readAt = facts.readAt, facts.uptime - readAt.uptime > readingLasts else { return nil }
        return Wait(.awaitingClusterRead, read: .cluster, every: 0)
    }

    private static func backOff(_ subject: NodeFacts, _ facts: FleetFacts) -> Wait? {
        guard let attempt = subject.attempt, attempt.notBefore > facts.now, attempt.notBefore <= facts.now + longestBackOff,
            facts.holds(.backOff)
        else { return nil }
        // It may have failed because the VM is gone.
        return Wait(.backOff(failure: attempt.failure), diagnostics: .vms)
    }

    /// What waits for a control plane that only the operator can bring back need not wait for it.
    private static func holdUp(_ nodes: inout [PlannedNode], _ facts: FleetFacts) {
        guard let server = facts.controlPlane.contact, !facts.controlPlane.answers,
            nodes.first(where: { $0.name == server })?.decision.isBlocked == true
        else { return }
        for index in nodes.indices {
            if case .wait(let wait) = nodes[index].decision, wait.read == .cluster {
                nodes[index].overrule(.blocked(.controlPlaneBlocked(server: server)))
            }
        }
    }
}
