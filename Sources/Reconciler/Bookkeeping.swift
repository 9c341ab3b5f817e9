import FleetCore
import K3s

/// What the ledger learns from what was observed. What it learns from actions stands with their steps.
enum Bookkeeping {
    /// The action is about to be sent.
    static func before(_ action: Action, _ ledger: inout Ledger, now: Double) { action.step.before(&ledger, now: now) }

    /// The action was not done.
    static func undone(_ action: Action, _ ledger: inout Ledger) { action.step.undone(&ledger) }

    /// The action came to a good end.
    static func after(_ action: Action, _ outcome: StepOutcome, _ ledger: inout Ledger, now: Double) {
        ledger.attempts[action.node] = nil
        action.step.after(&ledger, outcome, now: now)
    }

    /// What was observed and the ledger must know before anything is decided. `listedAt`: when the VMs were listed (seconds since 1970).
    static func learn(_ facts: inout FleetFacts, listedAt: Double?) {
        if let listedAt, let vms = facts.observed.vms {
            for (name, record) in facts.ledger.nodes { learnMissing(name, record, vms[name], &facts, listedAt) }
        }
        learnFounding(&facts)
        // Of what no pool asks for and the ledger does not know nothing is learnt: it may be somebody else's.
        let unmanaged = facts.ledger.nodes.keys.filter { !facts.isWanted($0) && facts.observed.vms?[$0] != nil }
        for name in facts.fleet.nodes.map({ $0.name }) + unmanaged { facts.learnListed(name) }
    }

    private static func learnFounding(_ facts: inout FleetFacts) {
        guard facts.ledger.caHash == nil, case .read(let reading) = facts.observed.cluster, reading.apiReady,
            facts.ledger.hasMarked(reading), let hash = reading.caHash
        else { return }
        facts.ledger.caHash = hash
        // Whichever process sent the order, the cluster was founded there.
        if facts.ledger.founder == nil { facts.ledger.founder = facts.controlPlane.contact }
    }

    /// Seconds that a VM which no pool asks for must be missing from list after list before its record goes; less if we were removing it.
    static let patience = 600.0

    private static func patience(_ record: NodeRecord) -> Double { record.leaveStage == .nodeDeleted ? listLag : patience }

    /// Seconds for which a list may show a VM that is removed.
    static let listLag = 60.0

    /// What the list lacks may be gone or left out, unless exe.dev said that it removed it: of what no pool asks for any more the record is dropped
    /// after a while, unless its node is still in the cluster, or may be.
    private static func learnMissing(
        _ name: String, _ record: NodeRecord, _ vm: ObservedVM?, _ facts: inout FleetFacts, _ listedAt: Double
    ) {
        if case .gone(let gone) = record { return learnGone(name, gone, vm, &facts, listedAt) }
        guard record.isOccupant else { return }
        guard vm == nil else {
            if record.missingSince != nil { facts.ledger.noteMissing(name, since: nil) }
            return
        }
        let since = min(record.missingSince ?? listedAt, listedAt)
        if since != record.missingSince { facts.ledger.noteMissing(name, since: since) }
        let isUnfinished = record.isHalfRemoved && facts.fleet.policy.prune
        guard listedAt - since >= patience(record), !facts.isWanted(name), !isUnfinished, isGone(name, facts) else { return }
        facts.ledger.forget(name)
    }

    /// Another machine under the name is not ours to know, nor is one that is listed long after its end.
    private static func learnGone(
        _ name: String, _ gone: RemovedInstance, _ vm: ObservedVM?, _ facts: inout FleetFacts, _ listedAt: Double
    ) {
        let isAnother = vm.map { ($0.createdAt ?? gone.createdAt) != gone.createdAt || listedAt - gone.removedAt > listLag } ?? false
        if isAnother || (facts.readTime > gone.removedAt && isGone(name, facts)) { facts.ledger.forget(name) }
    }

    /// Whether the cluster has no such node, or there is no cluster that could have one.
    private static func isGone(_ name: String, _ facts: FleetFacts) -> Bool {
        let ledger = facts.ledger
        if ledger.founder == nil, ledger.caHash == nil { return true }
        guard case .read(let reading) = facts.observed.cluster, reading.apiReady, ledger.hasMarked(reading), ledger.caHash == reading.caHash
        else {
            return false
        }
        return facts.observed.node(name) == nil
    }
}
