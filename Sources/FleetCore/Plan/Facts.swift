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
    package var notes: [String: Note] = [:]
    /// The steps that an operator has approved, by node; nil allows all.
    package var approved: [String: Set<StepKind>]?
    /// Guards that the proof by simulation has taken away; always empty in the product.
    package var lifted: Set<Guard> = []

    /// Counted once a plan, and once an effect.
    private var kept: FleetCounts?
    package var counts: FleetCounts { kept ?? FleetCounts(self) }
    let isAttended: Bool
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
        package var refusal: Reason?

        package init() {}
    }

    /// `isAttended`: an operator saw the plan and asked for it.
    package init(fleet: DesiredFleet, seen: Observation, ledger: Ledger, now: Double, isAttended: Bool = true) {
        (self.fleet, self.seen, self.ledger, self.now, self.isAttended) = (fleet, seen, ledger, now, isAttended)
        serverPlace = fleet.nodes.firstIndex { $0.role == .server }
        serverName = serverPlace.map { fleet.nodes[$0].name }
        (clusterCIDR, serviceCIDR) = (fleet.cluster.clusterCIDR.description, fleet.cluster.serviceCIDR.description)
        places = Dictionary(fleet.nodes.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The same, counted.
    package var counted: FleetFacts {
        var facts = self
        facts.kept = FleetCounts(self)
        return facts
    }

    /// Whether a pool asks for it.
    package func isWanted(_ name: String) -> Bool { places[name] != nil }

    func holds(_ rule: Guard) -> Bool { !lifted.contains(rule) }

    package let serverName: String?
    let serverPlace: Int?
    /// Where the nodes of the fleet stand in it, by name.
    package let places: [String: Int]

    /// The overlay address of a server that answers for its cluster, with the cluster it is known by.
    package var controlPlane: (address: String, caHash: String)? {
        guard case .read(let reading) = seen.cluster, reading.apiReady, let caHash = reading.caHash, let name = serverName,
            let address = seen.node(name)?.internalIP, strangeness == nil
        else { return nil }
        return (address, caHash)
    }

    package var hasControlPlane: Bool { controlPlane != nil }

    /// Why the cluster that answers is not this ledger's, so that nothing may be done to it.
    func strangeness(of reading: ClusterReading) -> Reason? {
        if !ledger.hasMarked(reading), holds(.otherCluster) { return .serverOfOtherCluster(id: reading.clusterID) }
        guard let known = ledger.caHash, let seen = reading.caHash, seen != known else { return nil }
        return .clusterCAChanged
    }

    /// The same of the cluster as it was read last.
    var strangeness: Reason? {
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
    package var controlPlaneReason: Reason {
        serverName.map { .controlPlaneNotReady(server: $0, silence) } ?? .fleetWithoutServer
    }

    /// Of a server that does not answer.
    var silence: ControlPlaneSilence {
        switch seen.cluster {
        case .unseen: .unread
        case .unreachable(let reason): .unreachable(reason)
        case .read(let reading) where !reading.apiReady: .starting(reading.reason)
        case .read where strangeness != nil: .ofOtherCluster
        case .read: .unregistered
        }
    }

    func isOwned(_ vm: ObservedVM) -> Bool { vm.tags.contains(fleet.cluster.tag) }

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
