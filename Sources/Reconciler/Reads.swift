import FleetCore
import K3s

/// What the run remembers of its reads. Two of them concern everything and are asked for at every turn, so they stand apart.
struct Reads {
    struct Note {
        /// When it was last begun; like all times of the schedule on the monotonic clock.
        var begunAt: Double?
        /// When it last ended.
        var endedAt: Double?
        /// When it last showed something new, or was asked for again.
        var changedAt: Double?
        /// In a row that failed.
        var misses = 0
        var isUnderWay = false
        /// Its answer was made old by an action since it left.
        var isSpoiled = false
    }

    private(set) var vms = Note()
    private(set) var cluster = Note()
    /// Of the fleet's nodes, in their order: nobody reads into others.
    private var hosts: [Note]
    private var shares: [Note]
    private var webs: [Note]
    private(set) var underWay = 0
    private let places: [String: Int]

    init(_ places: [String: Int]) {
        self.places = places
        hosts = Array(repeating: Note(), count: places.count)
        (shares, webs) = (hosts, hosts)
    }

    /// It is not under way, as far as it is of the fleet.
    func isIdle(_ target: ReadTarget) -> Bool {
        switch target {
        case .vms: !vms.isUnderWay
        case .cluster: !cluster.isUnderWay
        case .host(let name): places[name].map { !hosts[$0].isUnderWay } ?? false
        case .share(let name): places[name].map { !shares[$0].isUnderWay } ?? false
        case .web(let question): places[question.vm].map { !webs[$0].isUnderWay } ?? false
        case .nothing: false
        }
    }

    func web(_ name: String) -> Note? { places[name].map { webs[$0] } }

    func host(_ name: String) -> Note? { places[name].map { hosts[$0] } }

    /// Changes what is remembered of a read, in place.
    private mutating func change<Outcome>(_ target: ReadTarget, _ body: (inout Note) -> Outcome) -> Outcome? {
        switch target {
        case .vms: body(&vms)
        case .cluster: body(&cluster)
        case .host(let name): places[name].map { body(&hosts[$0]) }
        case .share(let name): places[name].map { body(&shares[$0]) }
        case .web(let question): places[question.vm].map { body(&webs[$0]) }
        case .nothing: nil
        }
    }

    mutating func begin(_ target: ReadTarget, at uptime: Double) {
        underWay += 1
        _ = change(target) { ($0.isUnderWay, $0.begunAt) = (true, uptime) }
    }

    /// False when its answer is too old to be of use.
    mutating func end(_ target: ReadTarget, _ uptime: Double) -> Bool {
        let (wasUnderWay, wasSpoiled) =
            change(target) { note in
                defer { (note.isUnderWay, note.isSpoiled) = (false, false) }
                if !note.isSpoiled {
                    note.endedAt = uptime
                    if note.changedAt == nil { note.changedAt = uptime }
                }
                return (note.isUnderWay, note.isSpoiled)
            } ?? (false, false)
        if wasUnderWay { underWay -= 1 }
        return !wasSpoiled
    }

    /// How often in a row.
    @discardableResult
    mutating func failed(_ target: ReadTarget) -> Int {
        change(target) { note in
            note.misses += 1
            return note.misses
        } ?? 0
    }

    mutating func succeeded(_ target: ReadTarget, showsNews: Bool) {
        _ = change(target) { note in
            note.misses = 0
            if showsNews { note.changedAt = note.endedAt }
        }
    }

    /// It is worth repeating at once.
    mutating func stale(_ target: ReadTarget) { _ = change(target) { ($0.endedAt, $0.changedAt, $0.misses) = (nil, nil, 0) } }

    /// Somebody begins to wait for it.
    mutating func quicken(_ target: ReadTarget) { _ = change(target) { $0.changedAt = nil } }

    /// Should it be under way.
    mutating func spoil(_ target: ReadTarget) { _ = change(target) { $0.isSpoiled = $0.isUnderWay } }

    /// What was observed, and what is being read, says nothing any more.
    mutating func forget() {
        func forgotten(_ note: Note) -> Note { Note(isUnderWay: note.isUnderWay, isSpoiled: note.isUnderWay) }
        (vms, cluster, hosts, shares) = (forgotten(vms), forgotten(cluster), hosts.map(forgotten), shares.map(forgotten))
        webs = webs.map(forgotten)
    }
}
