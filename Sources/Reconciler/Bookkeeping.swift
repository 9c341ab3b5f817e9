import FleetCore
import K3s

/// What the ledger learns from an action, before it is sent and after it answered.
enum Bookkeeping {
    /// Written before the action is sent, so that a crash in between is seen by the next run.
    static func before(_ action: Action, _ ledger: inout Ledger, now: Double) {
        switch action {
        case .createVM(let name, _, _):
            ledger.vms[name, default: .init()].creating = now
            // Whose end is known is missed by nobody, and stays known until its successor is there.
            if ledger.vms[name]?.removed == nil, let gone = ledger.vms[name]?.createdAt { ledger.vms[name]?.former = gone }
            // How far the machine before was taken down says nothing of this one.
            ledger.vms[name]?.removal = nil
        case .install(let setup):
            if setup.role == .server { ledger.founder = setup.name }
            ledger.vms[setup.name, default: .init()].started = now
            // Until it answers nobody knows which configuration is there, not even should the file go back to the one before.
            ledger.vms[setup.name]?.config = Ledger.VMRecord.unknownConfig
            // It may run again from now on, whatever becomes of the answer.
            if [.stopped, .nodeDeleted].contains(ledger.vms[setup.name]?.removal) { ledger.vms[setup.name]?.removal = .drained }
        case .share(let name, let share, _):
            let guests = Set((ledger.vms[name]?.guests ?? []) + share.users)
            ledger.vms[name]?.share = nil
            ledger.vms[name]?.invited = guests.sorted()
        case .startVM(let name): ledger.vms[name, default: .init()].poweredOn = now
        case .drain(let name, _): ledger.vms[name, default: .init()].removal = .begun
        case .stop(let name, _), .deleteNode(let name, _):
            guard ledger.vms[name]?.removal == nil else { break }
            ledger.vms[name]?.removal = .begun
            // What failed before was another matter.
            ledger.attempts[name] = nil
        case .restart(let name, _): ledger.vms[name]?.started = now
        // Should the answer be lost, its absence is our doing.
        case .removeVM(let name): ledger.vms[name]?.removal = .nodeDeleted
        default: break
        }
    }

    /// Nothing was done: an intent that would keep others waiting does not stand.
    static func undone(_ action: Action, _ ledger: inout Ledger) {
        if case .startVM(let name) = action { ledger.vms[name]?.poweredOn = nil }
    }

    /// `hash`: that of the configuration that the action has set up.
    static func after(_ action: Action, _ outcome: Performer.Outcome, _ ledger: inout Ledger, hash: String?, now: Double) {
        let name = action.node
        // The disk holds the same table, which is not copied for nothing.
        if ledger.attempts[name] != nil { ledger.attempts[name] = nil }
        switch (action, outcome) {
        case (.createVM, _):
            ledger.vms[name] = .init(after: ledger.vms[name]?.former)
        case (.prepare(_, let version, _), .done(let output)):
            if let digest = value("k3s-sha256", in: output) { ledger.digests[version.description] = digest }
        case (.install, _):
            ledger.vms[name, default: .init()].config = hash
            if ledger.vms[name]?.removal != nil { ledger.vms[name]?.removal = .returning }
        case (.restart, _): ledger.vms[name]?.rejoined = now
        case (.forget, _): ledger.vms[name]?.hasStaleIdentity = false
        case (.share, .shared(let share)):
            ledger.vms[name, default: .init()].share = share
            ledger.vms[name]?.invited = nil
        case (.drain, _): ledger.vms[name]?.removal = .drained
        case (.uncordon, _): ledger.vms[name]?.removal = nil
        case (.stop, _):
            ledger.vms[name]?.removal = .stopped
            ledger.vms[name]?.started = nil
        case (.deleteNode, _): ledger.vms[name]?.removal = .nodeDeleted
        case (.removeVM, _):
            // Of k3s that we stopped there is nothing to fear.
            let mayHaveRun = ledger.vms[name]?.started != nil
            ledger.vms[name] = mayHaveRun ? ledger.vms[name]?.removed(at: now) : nil
        default: break
        }
    }

    /// Facts of the world that the ledger must know before anything is decided. `listedAt`: when the VMs were listed.
    static func learn(_ facts: inout FleetFacts, listedAt: Double?) {
        if let listedAt, let vms = facts.seen.vms {
            for (name, record) in facts.ledger.vms { missed(record, of: name, in: vms, &facts, listedAt) }
        }
        learnFounding(&facts)
        // Of what nobody asks for and the ledger does not know nothing is learnt: it may be somebody else's.
        let strays = facts.ledger.vms.keys.filter { !facts.isWanted($0) && facts.seen.vms?[$0] != nil }
        for name in facts.fleet.nodes.map({ $0.name }) + strays {
            if let record = lesson(Subject.of(name, facts), facts) { facts.ledger.vms[name] = record }
        }
    }

    private static func learnFounding(_ facts: inout FleetFacts) {
        guard facts.ledger.caHash == nil, case .read(let reading) = facts.seen.cluster, reading.apiReady,
            facts.ledger.hasMarked(reading), let hash = reading.caHash
        else { return }
        facts.ledger.caHash = hash
        // Whoever sent the order, the cluster was founded there.
        if facts.ledger.founder == nil { facts.ledger.founder = facts.serverName }
    }

    /// What the VM and the host of a node of the fleet tell that its record does not.
    static func lesson(_ subject: Subject, _ facts: FleetFacts) -> Ledger.VMRecord? {
        guard let vm = subject.vm, vm.tags.contains(facts.fleet.cluster.tag) else { return nil }
        var record = subject.known ?? .empty
        if record.removed != nil {
            // An old list shows a VM that is removed; another machine under a name that nobody asks for is not ours to know.
            let isOld = vm.createdAt.map { $0 == record.createdAt } ?? (record.creating == nil)
            if isOld || !facts.isWanted(subject.name) { return nil }
            record = .init(after: nil)
        }
        if let createdAt = vm.createdAt, createdAt == record.former {
            // An old list shows the machine before; unless nothing came of its successor, and it was never gone.
            guard createdAt == record.createdAt, let sent = record.creating, facts.now - sent > Planner.creationGrace else { return nil }
            (record.creating, record.former) = (nil, nil)
        }
        if record.creating != nil {
            // The reply to `new` was lost and the VM is here: it is the one we asked for.
            record.creating = nil
            record.hasStaleIdentity = true
        }
        if let createdAt = vm.createdAt {
            // A VM that was made anew by somebody else has nothing of what the ledger says of its predecessor.
            if let former = record.createdAt, former != createdAt {
                let started = record.started ?? (record.removal == nil ? nil : facts.now)
                record = .init(after: former)
                // Nor do we know of one that nobody asks for whether k3s runs there; it is stopped like the one before.
                if !facts.isWanted(subject.name) { record.started = started }
            }
            if record.createdAt != createdAt { record.createdAt = createdAt }
        }
        // A VM that has run k3s for this very cluster is no stranger, whatever became of its record or of the time of its creation.
        if record.hasStaleIdentity, case .probed(let probe)? = subject.host, probe.clusterID == facts.ledger.clusterID, probe.hasAgentData {
            record.hasStaleIdentity = false
        }
        if record.rejoined != nil, subject.isInCluster { record.rejoined = nil }
        return record == subject.known ? nil : record
    }

    /// Seconds that a VM which nobody asks for must be missing from list after list before its record goes.
    static let patience = 600.0

    /// Seconds for which a list may show a VM that is removed.
    static let listLag = 60.0

    /// What the list lacks may be gone or left out, unless exe.dev said that it removed it: of what nobody asks for any more the record is dropped
    /// after a while, unless its node is still in the cluster, or may be: without the record nobody would know whose it was.
    private static func missed(
        _ known: Ledger.VMRecord, of name: String, in vms: [String: ObservedVM], _ facts: inout FleetFacts, _ listedAt: Double
    ) {
        if let removed = known.removed, known.creating == nil {
            // Another one is not ours to know, nor is one that is listed long after its end.
            let isAnother = vms[name].map { ($0.createdAt ?? known.createdAt) != known.createdAt || listedAt - removed > listLag } ?? false
            guard isAnother || (facts.readTime > removed && isGone(name, facts)) else { return }
            (facts.ledger.vms[name], facts.ledger.attempts[name]) = (nil, nil)
            return
        }
        guard known.isOccupant else { return }
        guard vms[name] == nil else {
            if known.missingSince != nil { facts.ledger.vms[name]?.missingSince = nil }
            return
        }
        let since = min(known.missingSince ?? listedAt, listedAt)
        if since != known.missingSince { facts.ledger.vms[name]?.missingSince = since }
        let isUnfinished = known.isHalfRemoved && facts.fleet.policy.prune
        guard listedAt - since >= patience, !facts.isWanted(name), !isUnfinished, isGone(name, facts) else { return }
        (facts.ledger.vms[name], facts.ledger.attempts[name]) = (nil, nil)
    }

    /// Whether the cluster has no such node, or there is no cluster that could have one.
    private static func isGone(_ name: String, _ facts: FleetFacts) -> Bool {
        let ledger = facts.ledger
        if ledger.founder == nil, ledger.caHash == nil { return true }
        guard case .read(let reading) = facts.seen.cluster, reading.apiReady, ledger.hasMarked(reading), ledger.caHash == reading.caHash
        else {
            return false
        }
        return facts.seen.node(name) == nil
    }

    /// `key=value` on a line of its own.
    private static func value(_ key: String, in output: String) -> String? {
        let prefix = Array("\(key)=".utf8)
        for line in output.utf8.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) where line.starts(with: prefix) {
            return String(line.dropFirst(prefix.count))
        }
        return nil
    }
}
