import K3s

/// All that is known of one node or VM, gathered once for all that is asked of it until something happens to it.
package struct Subject: Sendable {
    package var name: String
    package var vm: ObservedVM?
    /// Its Kubernetes node, if the cluster was read and has it.
    var node: NodeReading?
    package var host: ObservedHost?
    /// What the ledger knows of it.
    package var known: Ledger.VMRecord?
    /// Rarely any.
    private var trouble: Shared<Trouble>?
    /// When this run told its k3s to start, by `uptime`.
    var started: Double?
    /// When this run asked for the VM without hearing what came of it, by `uptime`.
    var asked: Double?
    /// An action of ours changed its node after the cluster was read.
    var isOutdated: Bool
    /// The hash of the configuration that it should have; nil while there is none to compare it with.
    var configHash: String?
    /// Whether its node has the labels and taints that are wanted; nil before anybody looked.
    var isShaped: Bool?

    private struct Trouble: Sendable, Hashable {
        var attempt: Ledger.Attempt?
        var refusal: Block?
    }

    var attempt: Ledger.Attempt? { trouble?.attempt }
    var refusal: Block? { trouble?.refusal }
    var isRefused: Bool { refusal != nil }

    /// No initializer, for that would copy the facts.
    static func of(_ name: String, _ facts: FleetFacts) -> Subject {
        let (attempt, note) = (facts.ledger.attempts[name], facts.notes[name])
        let trouble = attempt == nil && note?.refusal == nil ? nil : Shared(Trouble(attempt: attempt, refusal: note?.refusal))
        return Subject(
            name: name, vm: facts.seen.vms?[name], node: facts.seen.node(name), host: facts.seen.hosts[name],
            known: facts.ledger.vms[name], trouble: trouble, started: note?.started, asked: note?.asked,
            isOutdated: facts.seen.outdated.contains(name))
    }

    /// Empty when the ledger does not know it.
    var record: Ledger.VMRecord { known ?? .empty }

    /// The wait after a failure is over, and what was seen `at` (seconds since 1970; nil by who looks once) is from before that.
    func isToBeSeenAgain(_ at: Double?, _ facts: FleetFacts) -> Bool {
        guard let attempt, let at else { return false }
        return attempt.notBefore <= facts.now && at < attempt.notBefore
    }

    /// Its cluster was read and has its node.
    package var isInCluster: Bool { node != nil }

    /// Its overlay address: as its cluster knows it, else as its host says.
    var overlay: String? {
        node?.internalIP ?? host?.overlay
    }
}
