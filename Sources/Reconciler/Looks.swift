import FleetCore

/// What the run remembers of its looks. Two of them concern everything and are asked for at every turn, so they stand apart.
struct Looks {
    struct Note {
        /// When it last ended; like all times of the schedule on the clock that nobody sets.
        var endedAt: Double?
        /// In a row that failed.
        var misses = 0
        var isUnderWay = false
        /// Its answer was made old by an action since it left.
        var isSpoiled = false
    }

    private(set) var vms = Note()
    private(set) var cluster = Note()
    /// Of the fleet's nodes, in their order: nobody looks into others.
    private(set) var hosts: [Note]
    private(set) var underWay = 0
    private let places: [String: Int]

    init(_ places: [String: Int]) {
        (self.places, hosts) = (places, Array(repeating: Note(), count: places.count))
    }

    subscript(look: Look) -> Note {
        get {
            switch look {
            case .vms: vms
            case .cluster: cluster
            case .host(let name): places[name].map { hosts[$0] } ?? Note()
            case .nothing: Note()
            }
        }
        set {
            switch look {
            case .vms: vms = newValue
            case .cluster: cluster = newValue
            case .host(let name): if let place = places[name] { hosts[place] = newValue }
            case .nothing: break
            }
        }
    }

    mutating func begin(_ look: Look) {
        underWay += 1
        self[look].isUnderWay = true
    }

    /// False when its answer is too old to be of use.
    mutating func end(_ look: Look, _ uptime: Double) -> Bool {
        var note = self[look]
        defer { self[look] = note }
        if note.isUnderWay { underWay -= 1 }
        note.isUnderWay = false
        if note.isSpoiled {
            note.isSpoiled = false
            return false
        }
        note.endedAt = uptime
        return true
    }

    /// Should it be under way.
    mutating func spoil(_ look: Look) { if self[look].isUnderWay { self[look].isSpoiled = true } }

    /// What was seen, and what is being looked at, says nothing any more.
    mutating func forget() {
        func forgotten(_ note: Note) -> Note { Note(isUnderWay: note.isUnderWay, isSpoiled: note.isUnderWay) }
        (vms, cluster, hosts) = (forgotten(vms), forgotten(cluster), hosts.map(forgotten))
    }
}
