import K3s

/// What is counted over the whole fleet, for every node asks for it. Kept by a `Draft`: what happens to one VM changes what is counted of it alone.
struct Census: Sendable {
    /// How many VMs count against `limits.maxVMs`: those seen, those being made, those that were here and that one list may have left out, and
    /// those that were refused, for the VM of that name may be ours.
    private(set) var occupants = 0
    /// Those of them that the list lacks.
    private(set) var unlisted: Set<String> = []
    /// How many VMs of the ledger the list lacks, and of how many; those that we were removing ourselves are no loss.
    private(set) var vanished = (count: 0, of: 0)
    private(set) var controlPlane: (address: String, caHash: String)?
    var hasControlPlane: Bool { controlPlane != nil }
    /// Why there is none.
    private(set) var silence: FleetFacts.Silence?
    /// The same in words.
    private(set) var reason: String?
    /// Why the cluster that answers is not this ledger's.
    private(set) var strangeness: Block?

    /// How a VM was counted, by its node's place in the fleet.
    private var wanted: [Standing]
    /// Of VMs that no pool asks for.
    private var strays: [NodeName: Standing] = [:]
    var strayNames: [String] { strays.isEmpty ? [] : strays.keys.map(\.text).sorted() }

    private struct Standing: Sendable {
        var isOccupant = false
        /// By us, and its node may be there.
        var isRemoved = false
        var isKnown = false
        var isMissing = false
    }

    /// `former`: the one before, if there was one.
    static func of(_ facts: FleetFacts, after former: Census? = nil) -> Census {
        var census = Census(
            silence: former?.silence, reason: former?.reason, wanted: Array(repeating: Standing(), count: facts.fleet.nodes.count))
        census.note(facts.controlPlane, of: facts)
        for (place, node) in facts.fleet.nodes.enumerated() { census.recount(node.name, at: place, facts) }
        if facts.subjects.count(where: { $0.known != nil }) != facts.ledger.vms.count {
            for name in facts.ledger.vms.keys where facts.places[name] == nil { census.recount(name.text, at: nil, facts) }
        }
        if let vms = facts.seen.vms, facts.subjects.count(where: { $0.vm != nil }) != vms.count {
            for name in vms.keys where facts.places[name] == nil { census.recount(name.text, at: nil, facts) }
        }
        for (name, note) in facts.notes where note.refusal != nil && facts.places[name] == nil { census.recount(name.text, at: nil, facts) }
        return census
    }

    mutating func note(_ controlPlane: (address: String, caHash: String)?, of facts: FleetFacts) {
        (self.controlPlane, strangeness) = (controlPlane, facts.strangeness)
        let silence = controlPlane == nil ? facts.silence : nil
        guard silence != self.silence else { return }
        self.silence = silence
        reason = nil
        if let silence { reason = facts.reason(of: silence) }
    }

    /// `place`: of its node in the fleet.
    mutating func recount(_ name: String, at place: Int?, _ facts: FleetFacts) {
        let standing = Self.standing(of: name, at: place, facts)
        let before = place.map { wanted[$0] } ?? strays[name] ?? Standing()
        if let place { wanted[place] = standing } else { strays[name] = standing.isOccupant || standing.isRemoved ? standing : nil }
        occupants += (standing.isOccupant ? 1 : 0) - (before.isOccupant ? 1 : 0)
        let isUnlisted = standing.isOccupant && standing.isMissing
        if isUnlisted { unlisted.insert(name) } else if before.isOccupant, before.isMissing { unlisted.remove(name) }
        guard place != nil else { return }
        vanished.of += (standing.isKnown ? 1 : 0) - (before.isKnown ? 1 : 0)
        vanished.count += (standing.isKnown && standing.isMissing ? 1 : 0) - (before.isKnown && before.isMissing ? 1 : 0)
    }

    private static func standing(of name: String, at place: Int?, _ facts: FleetFacts) -> Standing {
        if let place, place < facts.subjects.count {
            return standing(facts.subjects[place].vm, facts.subjects[place].known, isRefused: facts.subjects[place].isRefused, facts)
        }
        return standing(facts.seen.vms?[name], facts.ledger.vms[name], isRefused: facts.notes[name]?.refusal != nil, facts)
    }

    private static func standing(_ vm: ObservedVM?, _ record: Ledger.VMRecord?, isRefused: Bool, _ facts: FleetFacts) -> Standing {
        var standing = Standing(isOccupant: isRefused, isMissing: vm == nil && facts.seen.vms != nil)
        if let record {
            standing.isOccupant = standing.isOccupant || record.isOccupant
            standing.isRemoved = record.removed != nil
            standing.isKnown = facts.seen.vms != nil && record.createdAt != nil && record.removal == nil && record.removed == nil
        }
        if let vm { standing.isOccupant = standing.isOccupant || facts.isOwned(vm) }
        return standing
    }

    /// The number alone, for who has not counted anything.
    static func occupants(_ facts: FleetFacts) -> Int {
        let (vms, tag) = (facts.seen.vms ?? [:], facts.fleet.cluster.tag)
        var count = 0
        for vm in vms.values where vm.tags.contains(tag) { count += 1 }
        func isCounted(_ name: NodeName) -> Bool { vms[name]?.tags.contains(tag) ?? false }
        for (name, record) in facts.ledger.vms where record.isOccupant && !isCounted(name) { count += 1 }
        for (name, note) in facts.notes where note.refusal != nil && !isCounted(name) && facts.ledger.vms[name]?.isOccupant != true {
            count += 1
        }
        return count
    }

    /// Whether it counts against `limits.maxVMs`.
    static func isOccupant(_ name: String, _ facts: FleetFacts) -> Bool { standing(of: name, at: facts.places[name], facts).isOccupant }
}
