package import K3s

/// The hash of a node's configuration, with all of the configuration that may change during a run.
package struct HashedSetup: Sendable, Hashable {
    var overlay: String
    var serverAddress: String?
    var caHash: String?
    var hash: String
}

/// What one look over the whole fleet tells: taken once for a plan, for each of its nodes asks for it.
struct Census: Sendable {
    var occupants: Set<String>
    var vanished: (count: Int, of: Int)
    var controlPlane: (address: String, caHash: String)?
}

/// What a decision about one node may know of the whole fleet.
package struct FleetFacts: Sendable {
    package var fleet: DesiredFleet
    package var seen: Observation
    package var ledger: Ledger
    /// Seconds since 1970.
    package var now: Double
    /// When the VMs were listed, in a run that lists them again when in doubt; nil in one that looks once.
    package var listedAt: Double?
    /// Nodes whose k3s this run told to start a moment ago, so that their readiness may still be that of before.
    package var restarting: Set<String> = []
    /// VMs that this run asked for a moment ago without hearing what came of it; by a clock that nobody sets.
    package var unanswered: Set<String> = []
    /// What was computed before, by node: hashing the configuration of every node at every decision would be most of a plan's cost.
    package var hashed: [String: HashedSetup] = [:]
    /// Guards that the proof by simulation has taken away; always empty in the product.
    package var lifted: Set<Guard> = []

    /// Nil: to be taken when it is asked for.
    private var census: Census?
    private let isAttended: Bool

    /// `isAttended`: an operator saw the plan and asked for it.
    package init(fleet: DesiredFleet, seen: Observation, ledger: Ledger, now: Double, isAttended: Bool = true) {
        (self.fleet, self.seen, self.ledger, self.now, self.isAttended) = (fleet, seen, ledger, now, isAttended)
    }

    /// The same facts, counted once and for all.
    func counted() -> FleetFacts {
        var facts = self
        facts.census = Census(occupants: occupants, vanished: vanished, controlPlane: controlPlane)
        return facts
    }

    /// How many VMs of the ledger the list lacks, and of how many, when nobody is there to judge it; see `Safety.massLossIsNoReason`.
    package var vanished: (count: Int, of: Int) {
        if let census { return census.vanished }
        guard !isAttended, let vms = seen.vms else { return (0, 0) }
        // Those that we were removing ourselves are no loss.
        let known = fleet.nodes.filter { ledger.vms[$0.name].map { $0.createdAt != nil && $0.removal == nil } ?? false }
        return (known.count { vms[$0.name] == nil }, known.count)
    }

    /// The hash of `setup(of:overlay:)`.
    func configHash(of node: DesiredNode, overlay: String) -> String {
        if let known = hashed[node.name], isCurrent(known, node, overlay) { return known.hash }
        return setup(of: node, overlay: overlay).configHash
    }

    private func isCurrent(_ known: HashedSetup, _ node: DesiredNode, _ overlay: String) -> Bool {
        let server = node.role == .agent ? controlPlane : nil
        return known.overlay == overlay && known.serverAddress == server?.address && known.caHash == server?.caHash
    }

    func holds(_ rule: Guard) -> Bool { !lifted.contains(rule) }

    package var serverName: String? { fleet.nodes.first { $0.role == .server }?.name }

    /// The overlay address of a server that answers for its cluster, with the cluster it is known by.
    package var controlPlane: (address: String, caHash: String)? {
        if let census { return census.controlPlane }
        guard case .read(let reading) = seen.cluster, reading.apiReady, let caHash = reading.caHash, let name = serverName,
            let address = seen.node(name)?.internalIP, strangeness(of: reading) == nil
        else { return nil }
        return (address, caHash)
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

    /// The list of nodes is the cluster's own and of this run.
    package var clusterAnswers: Bool {
        if case .read(let reading) = seen.cluster { reading.apiReady && strangeness(of: reading) == nil } else { false }
    }

    /// A VM that was here before is missing, and only one list says so.
    func needsSecondList(_ name: String) -> Bool {
        guard record(name).createdAt != nil, let listedAt, holds(.secondList) else { return false }
        return listedAt - (record(name).missingSince ?? listedAt) < Planner.secondListAfter
    }

    /// Why agents cannot be joined yet.
    package var controlPlaneReason: String {
        guard let name = serverName else { return "the fleet has no server" }
        switch seen.cluster {
        case .unseen: return "control plane \(name) is not there yet"
        case .unreachable(let reason): return "control plane \(name) cannot be read: \(reason)"
        case .read(let reading) where !reading.apiReady: return "control plane \(name) is starting: \(reading.reason ?? "no API yet")"
        case .read(let reading) where strangeness(of: reading) != nil: return "control plane \(name) is another cluster's"
        case .read: return "control plane \(name) has not registered its node"
        }
    }

    package var ownedVMs: [ObservedVM] {
        (seen.vms ?? [:]).values.filter { $0.tags.contains(fleet.cluster.tag) }.sorted { $0.name < $1.name }
    }

    /// VMs that count against `limits.maxVMs`: those seen, those being made, and those that were here and that one list may have left out.
    package var occupants: Set<String> {
        if let census { return census.occupants }
        var names: Set<String> = []
        for vm in (seen.vms ?? [:]).values where vm.tags.contains(fleet.cluster.tag) { names.insert(vm.name) }
        for (name, record) in ledger.vms where record.createdAt != nil || record.creating != nil { names.insert(name) }
        return names
    }

    package func record(_ name: String) -> Ledger.VMRecord { ledger.vms[name] ?? .init() }

    /// `hashed` as it is now: computed anew where the configuration has changed.
    package func rehashed() -> [String: HashedSetup] {
        var all = hashed
        for node in fleet.nodes where record(node.name).config != nil {
            guard let overlay = seen.overlay(of: node.name) else { continue }
            if let known = all[node.name], isCurrent(known, node, overlay) { continue }
            let setup = setup(of: node, overlay: overlay)
            all[node.name] = HashedSetup(
                overlay: overlay, serverAddress: setup.serverAddress, caHash: setup.caHash, hash: setup.configHash)
        }
        return all
    }

    /// What the node's k3s is configured with, once its overlay address is known.
    package func setup(of node: DesiredNode, overlay: String) -> NodeSetup {
        let cluster = fleet.cluster
        let server = node.role == .agent ? controlPlane : nil
        return NodeSetup(
            name: node.name, role: node.role, version: node.k3s, clusterName: cluster.name, clusterID: ledger.clusterID,
            overlayInterface: cluster.overlay.interface, overlayAddress: overlay,
            clusterCIDR: cluster.clusterCIDR.description, serviceCIDR: cluster.serviceCIDR.description, disable: cluster.disable,
            extra: node.role == .server ? cluster.serverConfig : cluster.agentConfig, serverAddress: server?.address,
            caHash: server?.caHash, taints: node.taints)
    }
}
