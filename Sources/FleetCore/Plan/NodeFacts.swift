import K3s

/// All that is known of one node or VM.
package struct NodeFacts: Sendable {
    package var name: String
    package var vm: ObservedVM?
    /// Its Kubernetes node, if the cluster was read and has it.
    var node: NodeReading?
    package var host: ObservedHost?
    /// How it is shared, if that was read in this run.
    var share: Share?
    /// What it answered to its `share.probe`, if it was asked in this run.
    var answer: ShareAnswer?
    /// It was as it should be when it was last asked, in this run or a moment before.
    var hasAnswered: Bool
    /// What the ledger knows of it.
    package var known: NodeRecord?
    var attempt: Ledger.Attempt?
    /// Its action was refused.
    var refusal: Reason?
    /// This run has repaired the files on its host.
    var wasRepaired: Bool
    /// How often this run patched its Node.
    var patches: Int
    /// This run has restarted k3s there because the cluster lacked its node.
    var wasRestarted: Bool
    /// When this run told its k3s to start, by `uptime`.
    var started: Double?
    /// When this run asked for the VM without hearing what came of it, by `uptime`.
    var asked: Double?
    /// When this run sent another command for it to exe.dev without hearing what came of it, by `uptime`.
    var commanded: Double?
    /// Since when it is waited for and nothing of ours is under way, by `uptime`.
    var troubledSince: Double?
    /// Since when it seems dead, by `uptime`.
    var seemsDeadSince: Double?
    /// When its host was last asked in vain, by `uptime`.
    var unreachedAt: Double?
    /// An action of ours changed its node after the cluster was read.
    var isOutdated: Bool

    package static func of(_ name: String, _ facts: FleetFacts) -> NodeFacts {
        let note = facts.notes[name]
        return NodeFacts(
            name: name, vm: facts.observed.vms?[name], node: facts.observed.node(name).map { facts.isAPIJustBack ? $0.unheard : $0 },
            host: facts.observed.hosts[name], share: facts.observed.shares[name],
            answer: facts.desired(name)?.question.flatMap { facts.observed.answers[$0] }, hasAnswered: note?.hasAnswered ?? false,
            known: facts.ledger.nodes[name],
            attempt: facts.ledger.attempts[name], refusal: note?.refusal, wasRepaired: note?.wasRepaired ?? false,
            patches: note?.patches ?? 0,
            wasRestarted: note?.wasRestarted ?? false, started: note?.started, asked: note?.asked, commanded: note?.commanded,
            troubledSince: note?.troubledSince, seemsDeadSince: note?.seemsDeadSince, unreachedAt: note?.unreachedAt,
            isOutdated: facts.observed.outdated.contains(name))
    }

    /// The machine of its record; empty when the ledger does not know it.
    var instance: Instance { known?.instance ?? Instance() }
    /// Of k3s in this role, as the host was last probed; what was probed before k3s was started there is forgotten.
    func unit(_ role: Role) -> UnitState? { if case .probed(let probe)? = host { probe.unit(role) } else { nil } }
    /// Its VM is new, or was just started, and has not refused us for long.
    func mayLackKeys(_ facts: FleetFacts) -> Bool {
        let isKnown = instance.startedAt != nil && facts.now - (instance.poweredOnAt ?? -.infinity) > Planner.loginGrace
        return !isKnown && troubledSince.map { facts.uptime - $0 < Planner.loginGrace } ?? true
    }
    /// Its host answers, as far as it was looked into.
    var isReached: Bool { if case .probed? = host { true } else { false } }
    var leaveStage: LeaveStage? { known?.leaveStage }
    var removedAt: Double? { known?.removedAt }

    /// The wait after a failure is over, and what was observed `at` (seconds since 1970; nil by who reads once) is from before that.
    func isToBeReadAgain(_ at: Double?, _ facts: FleetFacts) -> Bool {
        guard let attempt, let at else { return false }
        return attempt.notBefore <= facts.now && at < attempt.notBefore
    }
}

extension FleetFacts {
    /// The kubelet of the server that answers is silent, which runs in the same process as its API: after an outage of a minute every node is
    /// silent for a moment, and none of them is dead for that (facts/kubernetes.md #13).
    var isAPIJustBack: Bool {
        guard let reading, reading.apiReady, let contact = controlPlane.contact else { return false }
        return observed.node(contact)?.ready == .unknown
    }
}

extension NodeReading {
    /// The same, of a moment in which its silence means nothing.
    fileprivate var unheard: NodeReading {
        guard value.ready == .unknown else { return self }
        var fields = value
        fields.ready = .notReady(reason: "not heard of since the API came back")
        return NodeReading(fields)
    }
}
