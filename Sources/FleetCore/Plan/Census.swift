/// What is counted over the whole fleet, for every node asks for it. Kept by a `Draft`: what happens to one VM changes what is counted of it alone.
struct Census: Sendable {
    /// VMs that count against `limits.maxVMs`: those seen, those being made, and those that were here and that one list may have left out.
    private(set) var occupants: Set<String> = []
    /// Those of them that the list lacks.
    private(set) var unlisted: Set<String> = []
    /// Of a fleet that nobody attends, by place: see `FleetFacts.vanished`.
    private var standings: [Standing] = []
    private(set) var vanished = (count: 0, of: 0)
    var controlPlane: (address: String, caHash: String)?

    private enum Standing: Sendable { case unknown, listed, missing }

    static func of(_ facts: FleetFacts) -> Census {
        var census = Census(controlPlane: facts.controlPlane)
        if !facts.isAttended { census.standings = Array(repeating: .unknown, count: facts.fleet.nodes.count) }
        for name in facts.ledger.vms.keys { census.recount(name, facts) }
        for name in (facts.seen.vms ?? [:]).keys where facts.ledger.vms[name] == nil { census.recount(name, facts) }
        return census
    }

    mutating func recount(_ name: String, _ facts: FleetFacts) {
        let (record, vm) = (facts.ledger.vms[name], facts.seen.vms?[name])
        let isOccupant = record?.isOccupant == true || vm.map(facts.isOwned) == true
        if isOccupant { occupants.insert(name) } else { occupants.remove(name) }
        if isOccupant, vm == nil { unlisted.insert(name) } else { unlisted.remove(name) }
        guard !standings.isEmpty, let place = facts.places[name] else { return }
        // Those that we were removing ourselves are no loss.
        let isKnown = facts.seen.vms != nil && record?.createdAt != nil && record?.removal == nil
        count(standings[place], -1)
        standings[place] = !isKnown ? .unknown : vm == nil ? .missing : .listed
        count(standings[place], 1)
    }

    private mutating func count(_ standing: Standing, _ one: Int) {
        if standing == .missing { vanished.count += one }
        if standing != .unknown { vanished.of += one }
    }
}
