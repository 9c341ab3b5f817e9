import K3s

/// What the ledger learns from what was observed.
extension Ledger {
    /// `since`: seconds since 1970; nil when the VM is listed.
    mutating func noteMissing(_ node: String, since: Double?) {
        if case .requested(var request) = nodes[node] {
            request.missingSince = since
            nodes[node] = .requested(request)
        } else {
            change(node) { $0.missingSince = since }
        }
    }

    /// Whichever process sent the order, the cluster was founded there.
    mutating func founded(caHash: String, on server: String?) {
        self.caHash = caHash
        if founder == nil { founder = server }
    }

    /// Nobody has to know anything of it any more.
    mutating func forget(_ node: String) { (nodes[node], attempts[node]) = (nil, nil) }
}

extension FleetFacts {
    /// What was observed and the ledger must know before anything is decided. `listedAt`: when the VMs were listed (seconds since 1970).
    package mutating func learn(listedAt: Double?) {
        if let listedAt, let vms = observed.vms {
            for (name, record) in ledger.nodes { learnMissing(name, record, vms[name], listedAt) }
        }
        learnFounding()
        // Of what no pool asks for and the ledger does not know nothing is learnt: it may be somebody else's.
        let unmanaged = ledger.nodes.keys.filter { !isWanted($0) && observed.vms?[$0] != nil }.sorted()
        for name in fleet.nodes.map({ $0.name }) + unmanaged { learnListed(name, listedAt) }
        learnReplacements()
    }

    private mutating func learnFounding() {
        guard ledger.caHash == nil, case .read(let reading) = observed.cluster, reading.apiReady, ledger.hasMarked(reading),
            let hash = reading.caHash
        else { return }
        ledger.founded(caHash: hash, on: controlPlane.contact)
    }

    /// Seconds that a VM which no pool asks for must be missing from list after list before its record goes; less if we were removing it.
    private static func patience(_ record: NodeRecord) -> Double { record.leaveStage == .nodeDeleted ? listLag : 600 }

    /// Seconds for which a list may show a VM that is removed.
    private static let listLag = 60.0

    /// What the list lacks may be gone or left out, unless exe.dev said that it removed it: of what no pool asks for any more the record is dropped
    /// after a while, unless its node is still in the cluster, or may be.
    private mutating func learnMissing(_ name: String, _ record: NodeRecord, _ vm: ObservedVM?, _ listedAt: Double) {
        if case .gone(let gone) = record { return learnGone(name, gone, vm, listedAt) }
        guard record.isOccupant else { return }
        guard vm == nil else {
            if record.missingSince != nil { ledger.noteMissing(name, since: nil) }
            return
        }
        let since = min(record.missingSince ?? listedAt, listedAt)
        if since != record.missingSince { ledger.noteMissing(name, since: since) }
        let isUnfinished = record.isHalfRemoved && fleet.policy.prune
        guard listedAt - since >= Self.patience(record), !isWanted(name), !isUnfinished, isGone(name) else { return }
        ledger.forget(name)
    }

    /// Another machine under the name is not ours to know, nor is one that is listed long after its end.
    private mutating func learnGone(_ name: String, _ gone: RemovedInstance, _ vm: ObservedVM?, _ listedAt: Double) {
        let isAnother = vm.map { ($0.createdAt ?? gone.createdAt) != gone.createdAt || listedAt - gone.removedAt > Self.listLag } ?? false
        if isAnother || (readTime > gone.removedAt && isGone(name)) { ledger.forget(name) }
    }

    /// Whether the cluster has no such node, or there is no cluster that could have one.
    private func isGone(_ name: String) -> Bool {
        if ledger.founder == nil, ledger.caHash == nil { return true }
        guard case .read(let reading) = observed.cluster, reading.apiReady, ledger.hasMarked(reading), ledger.caHash == reading.caHash
        else { return false }
        return observed.node(name) == nil
    }

    /// What the VM, the host and the Node of this name tell that its record does not.
    private mutating func learnListed(_ name: String, _ listedAt: Double?) {
        guard let vm = observed.vms?[name], isOwned(vm), var record = learned(vm) else { return }
        if record.instance?.hasStaleIdentity == true, hasRunOurs(name) { record.change { $0.hasStaleIdentity = false } }
        if record.instance?.restartedAt != nil, observed.node(name) != nil { record.change { $0.restartedAt = nil } }
        if record.instance?.isRestarting == true, isUp(name) { record.change { $0.isRestarting = false } }
        // An earlier start is no restart of a later death.
        if let at = record.instance?.poweredOnAt, now - at > Planner.startGrace, isUp(name) { record.change { $0.poweredOnAt = nil } }
        if record.instance?.spec == nil, var spec = desired(name)?.vm {
            spec.tags = spec.tags.filter(vm.tags.contains)
            if spec.comment != vm.comment { spec.comment = nil }
            record.change { $0.spec = spec }
        }
        if let want = desired(name)?.vm {
            record.change { $0.learnSize(of: vm, observed.hosts[name], want: want, listedAt: listedAt, now: now) }
        }
        if record != ledger.nodes[name] { ledger.nodes[name] = record }
    }

    /// Its Node is ready, by its host or by a reading that is late enough.
    private func isUp(_ name: String) -> Bool {
        let role = desired(name)?.role ?? .agent
        return if case .up = Availability.of(NodeFacts.of(name, self), role, self) { true } else { false }
    }

    /// A VM that has run k3s for this very cluster is no stranger, whatever became of its record or of the time of its creation.
    private func hasRunOurs(_ name: String) -> Bool {
        guard case .probed(let probe)? = observed.hosts[name] else { return false }
        return probe.clusterID == ledger.clusterID && probe.hasAgentData
    }

    private func learned(_ vm: ObservedVM) -> NodeRecord? {
        .listed(vm, known: ledger.nodes[vm.name], isWanted: isWanted(vm.name), now: now)
    }
}

extension NodeRecord {
    /// The record when exe.dev lists `vm`, which carries our tag, under this name; nil when the list tells nothing of it. `known`: the record so far.
    /// `now`: seconds since 1970.
    static func listed(_ vm: ObservedVM, known: NodeRecord?, isWanted: Bool, now: Double) -> NodeRecord? {
        var record = known ?? .present(Instance())
        if record.removedAt != nil {
            // An old list shows a VM that is removed; another machine under a name that no pool asks for is not ours to know.
            let isOld = vm.createdAt.map { $0 == record.createdAt } ?? (record.request == nil)
            if isOld || !isWanted { return nil }
            record = .present(Instance(after: nil))
        }
        if let createdAt = vm.createdAt, createdAt == record.previousCreatedAt {
            // An old list shows the machine before; unless nothing came of its successor, and it was never gone.
            guard let request = record.request, now - request.sentAt > Planner.commandGrace, let previous = request.previous else {
                return nil
            }
            record = previous
        }
        if let request = record.request { record = arrived(request) }
        return vm.createdAt.map { record.bearing($0, isWanted: isWanted, now: now) } ?? record
    }

    /// The answer to `new` was lost and the VM is here: it is the one we asked for.
    private static func arrived(_ request: VMRequest) -> NodeRecord {
        var instance = request.previous?.instance ?? Instance()
        (instance.hasStaleIdentity, instance.spec) = (true, request.spec ?? instance.spec)
        (instance.resize, instance.otherSizeSince, instance.listedSize) = (nil, nil, nil)
        return .present(instance)
    }

    /// A VM that was made again by somebody else has nothing of what the ledger says of its predecessor.
    private func bearing(_ createdAt: String, isWanted: Bool, now: Double) -> NodeRecord {
        var record = self
        if let previous = record.createdAt, previous != createdAt {
            let startedAt = record.instance?.startedAt ?? (record.leaveStage == nil ? nil : now)
            var instance = Instance(after: previous)
            // Nor is it known whether k3s runs on one that no pool asks for; it is stopped like the one before.
            if !isWanted { instance.startedAt = startedAt }
            record = .present(instance)
        }
        if record.createdAt != createdAt { record.change { $0.createdAt = createdAt } }
        return record
    }
}
