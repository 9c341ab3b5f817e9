import K3s

/// What is counted over the whole fleet.
struct FleetCounts: Sendable {
    /// How many VMs count against `limits.maxVMs`; see `FleetFacts.isOccupant`.
    var occupants = 0
    /// How many VMs of the ledger the list lacks, and of how many; those that we were removing ourselves are no loss.
    var vanished = (count: 0, of: 0)
    /// How many nodes that were in the cluster cannot be reached, and of how many; see `Death.massSilence`.
    var unreached = (count: 0, of: 0)
    /// What no pool asks for, and is ours or was; sorted.
    var unmanaged: [String] = []

    static func of(_ facts: FleetFacts) -> FleetCounts {
        var counts = FleetCounts()
        counts.countWanted(facts)
        counts.countUnmanaged(facts)
        return counts
    }

    private mutating func countWanted(_ facts: FleetFacts) {
        let (vms, isListed) = (facts.observed.vms ?? [:], facts.observed.vms != nil)
        for node in facts.fleet.nodes {
            let record = facts.ledger.nodes[node.name]
            if facts.isOccupant(node.name, vms[node.name], record) { occupants += 1 }
            if let isUnreached = facts.isUnreached(vms[node.name], record) {
                unreached.of += 1
                if isUnreached { unreached.count += 1 }
            }
            guard isListed, let record, record.createdAt != nil, record.leaveStage == nil, record.removedAt == nil else { continue }
            vanished.of += 1
            if vms[node.name] == nil { vanished.count += 1 }
        }
        if facts.isAttended { vanished = (0, 0) }
    }

    private mutating func countUnmanaged(_ facts: FleetFacts) {
        var names: Set<String> = []
        for name in facts.observed.vms?.keys ?? [:].keys where !facts.isWanted(name) { names.insert(name) }
        for name in facts.ledger.nodes.keys where !facts.isWanted(name) { names.insert(name) }
        for name in facts.notes.keys where !facts.isWanted(name) { names.insert(name) }
        for name in names.sorted() {
            let record = facts.ledger.nodes[name]
            let isOccupant = facts.isOccupant(name, facts.observed.vms?[name], record)
            if isOccupant { occupants += 1 }
            if isOccupant || record?.removedAt != nil { unmanaged.append(name) }
        }
    }
}

extension FleetFacts {
    /// It counts against `limits.maxVMs`: it was observed, is being created, was here and one list may have left it out, or was refused, for the
    /// VM of that name may be ours.
    func isOccupant(_ name: String) -> Bool { isOccupant(name, observed.vms?[name], ledger.nodes[name]) }

    fileprivate func isOccupant(_ name: String, _ vm: ObservedVM?, _ record: NodeRecord?) -> Bool {
        vm.map(isOwned) == true || record?.isOccupant == true || notes[name]?.refusal != nil
    }

    /// Those of them that the list lacks.
    var unlisted: [String] {
        guard let vms = observed.vms else { return [] }
        return Set(fleet.nodes.map { $0.name } + counts.unmanaged).filter { vms[$0] == nil && isOccupant($0) }.sorted()
    }
}
