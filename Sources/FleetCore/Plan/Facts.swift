package import K3s

/// What a decision about one node may know of the whole fleet.
package struct FleetFacts: Sendable {
    package let fleet: DesiredFleet
    package var seen: Observation
    package var ledger: Ledger
    /// Seconds since 1970.
    package var now: Double
    /// Seconds on the clock that nobody sets; without end for who remembers nothing by it.
    package var uptime = Double.infinity
    /// When the list of VMs was asked for, in a run that lists them again when in doubt; nil in one that looks once.
    package var listedAt: Double?
    /// When the reading of the cluster was asked for, on both clocks; nil for who has read it just now.
    package var readAt: (wall: Double, uptime: Double)?
    /// What this run remembers of single nodes and VMs.
    package var notes: [NodeName: Note] = [:]
    /// The steps that an operator has approved, by node; nil allows all.
    package var approved: [String: Set<Step>]?
    /// Guards that the proof by simulation has taken away; always empty in the product.
    package var lifted: Set<Guard> = []

    /// Of the fleet's nodes, in their order; empty before they were gathered.
    private(set) var subjects: [Subject] = []
    /// Nil: to be taken when it is asked for.
    private(set) var census: Census?
    let isAttended: Bool
    /// Hashes that were computed before.
    package var hashes: ConfigHashes
    /// As the file asks for them and the ledger spells them.
    let clusterCIDR: String
    let serviceCIDR: String

    /// What a run remembers of one node or VM.
    package struct Note: Sendable, Hashable {
        /// When it told its k3s to start, by `uptime`: for a moment its readiness may still be that of before.
        package var started: Double?
        /// When it asked for the VM without hearing what came of it, by `uptime`.
        package var asked: Double?
        /// Its action was refused, so that it needs the operator.
        package var refusal: Block?

        package init() {}
    }

    /// `isAttended`: an operator saw the plan and asked for it.
    package init(
        fleet: DesiredFleet, seen: Observation, ledger: Ledger, now: Double, isAttended: Bool = true, hashes: ConfigHashes = .init()
    ) {
        self.hashes = hashes.of(fleet.cluster, ledger.clusterID)
        (self.fleet, self.seen, self.ledger, self.now, self.isAttended) = (fleet, seen, ledger, now, isAttended)
        serverPlace = fleet.nodes.firstIndex { $0.role == .server }
        serverName = serverPlace.map { fleet.nodes[$0].name }
        (clusterCIDR, serviceCIDR) = (fleet.cluster.clusterCIDR.description, fleet.cluster.serviceCIDR.description)
        places = Dictionary(
            fleet.nodes.enumerated().map { (NodeName($0.element.name), $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    /// The same facts for an effect that is sent later: nothing of it was counted before.
    package var uncounted: FleetFacts {
        var facts = self
        facts.uncount()
        return facts
    }

    /// Forgets what was counted, in place: for who has a copy of its own, which `uncounted` would copy once more.
    package mutating func uncount() { (census, subjects) = (nil, []) }

    /// What the ledger is to know of a node from now on, if it is news to it.
    package typealias Lesson = (Subject, FleetFacts) -> Ledger.VMRecord?

    /// Of what something has happened to.
    struct Touched {
        /// Where the fleet's nodes among them stand, each once.
        private(set) var places: [Int]
        /// The others; nil stands for all there are.
        var strays: Set<String>?
        private var isTouched: [Bool]

        static func nothing(of count: Int) -> Touched {
            Touched(places: [], strays: [], isTouched: Array(repeating: false, count: count))
        }

        static func everything(of count: Int) -> Touched {
            Touched(places: Array(0..<count), strays: nil, isTouched: Array(repeating: true, count: count))
        }

        /// False when it is known already.
        mutating func touch(_ place: Int) -> Bool {
            guard !isTouched[place] else { return false }
            isTouched[place] = true
            places.append(place)
            return true
        }
    }

    /// Takes in what has happened to these nodes and VMs, or everything (nil), and counts it.
    mutating func gather(_ names: [String]?, _ lesson: Lesson?) -> Touched {
        guard let names, var kept = census else {
            let former = census
            census = nil
            subjects.reserveCapacity(fleet.nodes.count)
            for place in fleet.nodes.indices { learn(at: place, lesson) }
            for name in ledger.vms.keys where places[name] == nil { learn(ofStray: name.text, lesson) }
            census = .of(self, after: former)
            return .everything(of: subjects.count)
        }
        // Its only owner, so that it is changed in place.
        census = nil
        var touched = Touched.nothing(of: subjects.count)
        for name in names {
            let place = places[name]
            if let place {
                guard touched.touch(place) else { continue }
                learn(at: place, lesson)
            } else {
                touched.strays?.insert(name)
                learn(ofStray: name, lesson)
            }
            kept.recount(name, at: place, self)
        }
        kept.note(controlPlane, of: self)
        census = kept
        return touched
    }

    private mutating func learn(at place: Int, _ lesson: Lesson?) {
        var subject = Subject.of(fleet.nodes[place].name, self)
        if let record = lesson?(subject, self) {
            ledger.vms[subject.name] = record
            subject.known = record
        }
        guard place < subjects.count else { return subjects.append(subject) }
        if let node = subject.node, subjects[place].node?.isIdentical(to: node) == true { subject.isShaped = subjects[place].isShaped }
        subjects[place] = subject
    }

    /// Of what the ledger does not know nothing is learnt: it may be somebody else's.
    private mutating func learn(ofStray name: String, _ lesson: Lesson?) {
        guard let lesson, ledger.vms[name] != nil, seen.vms?[name] != nil, let record = lesson(Subject.of(name, self), self) else { return }
        ledger.vms[name] = record
    }

    /// How a node differs from what it should be, where that takes more than a look.
    mutating func compare(at place: Int) {
        if let node = subjects[place].node, subjects[place].isShaped == nil {
            subjects[place].isShaped = NodeShape.isShaped(node, fleet.nodes[place])
        }
        guard subjects[place].known?.config != nil, let overlay = subjects[place].overlay else { return }
        let node = fleet.nodes[place]
        let server = node.role == .agent ? controlPlane : nil
        let hash = hashes.hash(of: node, overlay, server) ?? hashes.note(setup(of: node, overlay: overlay), of: node)
        subjects[place].configHash = hash
    }

    /// How many VMs of the ledger the list lacks, and of how many, when nobody is there to judge it; see `Safety.massLossIsNoReason`.
    package var vanished: (count: Int, of: Int) { isAttended ? (0, 0) : census?.vanished ?? Census.of(self).vanished }

    /// Whether a pool asks for it.
    package func isWanted(_ name: String) -> Bool { places[name] != nil }

    /// Of the configuration that an action sets up.
    package mutating func hash(of action: Action) -> String? {
        guard case .install(let setup) = action else { return nil }
        return places[setup.name].map { hashes.note(setup, of: fleet.nodes[$0]) } ?? setup.configHash
    }

    func holds(_ rule: Guard) -> Bool { !lifted.contains(rule) }

    package let serverName: String?
    let serverPlace: Int?
    /// Where the nodes of the fleet stand in it, by name.
    package let places: [NodeName: Int]

    /// The overlay address of a server that answers for its cluster, with the cluster it is known by.
    package var controlPlane: (address: String, caHash: String)? {
        if let census { return census.controlPlane }
        guard case .read(let reading) = seen.cluster, reading.apiReady, let caHash = reading.caHash, let name = serverName,
            let address = seen.node(name)?.internalIP, strangeness == nil
        else { return nil }
        return (address, caHash)
    }

    /// Whether there is one: asked for every node, so that nothing is copied.
    package var hasControlPlane: Bool {
        if let census { return census.hasControlPlane }
        return controlPlane != nil
    }

    /// Why the cluster that answers is not this ledger's, so that nothing may be done to it.
    func strangeness(of reading: ClusterReading) -> Block? {
        if !ledger.hasMarked(reading), holds(.otherCluster) {
            return Block(
                "the server was set up for another cluster\(reading.clusterID.map { " (\($0))" } ?? "")",
                advice: "use the state directory that set it up, or remove the VM by hand if it is not needed")
        }
        guard let known = ledger.caHash, let seen = reading.caHash, seen != known else { return nil }
        return Block(
            "the server answers for another cluster than the one that was founded here (its CA differs)",
            advice: "restore the server's disk, or destroy the fleet and apply again")
    }

    /// The same of the cluster as it was read last.
    var strangeness: Block? {
        if let census { return census.strangeness }
        guard case .read(let reading) = seen.cluster else { return nil }
        return strangeness(of: reading)
    }

    /// The list of nodes is the cluster's own and of this run.
    package var clusterAnswers: Bool {
        if case .read(let reading) = seen.cluster { reading.apiReady && strangeness == nil } else { false }
    }

    /// Until when a list, or a reading of the cluster, can have waited for something: exe.dev or the server may have been silent since the last one.
    var listTime: Double { min(listedAt ?? now, now) }
    package var readTime: Double { min(readAt?.wall ?? now, now) }

    /// A VM that was here before, or that was asked for, is missing, and only one list says so.
    func needsSecondList(_ record: Ledger.VMRecord) -> Bool {
        guard record.isOccupant, let listedAt, holds(.secondList) else { return false }
        return listedAt - (record.missingSince ?? listedAt) < Planner.secondListAfter
    }

    /// Why agents cannot be joined yet.
    package var controlPlaneReason: String { census?.reason ?? reason(of: silence) }

    func reason(of silence: Silence) -> String {
        guard let name = serverName else { return "the fleet has no server" }
        return switch silence {
        case .unseen: "control plane \(name) is not there yet"
        case .unreachable(let reason): "control plane \(name) cannot be read: \(reason)"
        case .starting(let reason): "control plane \(name) is starting: \(reason ?? "no API yet")"
        case .strange: "control plane \(name) is another cluster's"
        case .unregistered: "control plane \(name) has not registered its node"
        }
    }

    /// What keeps a server from answering for its cluster.
    enum Silence: Sendable, Equatable {
        case unseen, unreachable(String), starting(String?), strange, unregistered
    }

    /// Of a server that does not answer.
    var silence: Silence {
        switch seen.cluster {
        case .unseen: .unseen
        case .unreachable(let reason): .unreachable(reason)
        case .read(let reading) where !reading.apiReady: .starting(reading.reason)
        case .read where strangeness != nil: .strange
        case .read: .unregistered
        }
    }

    func isOwned(_ vm: ObservedVM) -> Bool { vm.tags.contains(fleet.cluster.tag) }

    /// How many VMs count against `limits.maxVMs`.
    package var occupants: Int { census?.occupants ?? Census.occupants(self) }

    /// Names of VMs that no pool asks for: those with our tag, those of the ledger, and those whose action was refused.
    var strays: [String] { census?.strayNames ?? Census.of(self).strayNames }

    /// Those of the `occupants` that the list lacks.
    package var unlisted: Set<String> { census?.unlisted ?? Census.of(self).unlisted }

    package func record(_ name: String) -> Ledger.VMRecord { ledger.vms[name] ?? .empty }

    /// What the node's k3s is configured with, once its overlay address is known.
    package func setup(of node: DesiredNode, overlay: String) -> NodeSetup {
        let cluster = fleet.cluster
        let server = node.role == .agent ? controlPlane : nil
        return NodeSetup(
            name: node.name, role: node.role, version: node.k3s, clusterName: cluster.name, clusterID: ledger.clusterID,
            overlayInterface: cluster.overlay.interface, overlayAddress: overlay,
            clusterCIDR: ledger.clusterCIDR, serviceCIDR: ledger.serviceCIDR, disable: cluster.disable,
            extra: node.role == .server ? cluster.serverConfig : cluster.agentConfig, serverAddress: server?.address,
            caHash: server?.caHash, taints: node.taints)
    }
}
