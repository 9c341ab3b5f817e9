package import K3s

/// What a lost ledger would have known, as far as exe.dev's tags, the marks on the hosts and the cluster tell.
package struct RecoveredLedger: Sendable {
    /// What a VM with the fleet's tag is.
    package enum Finding: Sendable, Hashable {
        /// Its host has the mark of this cluster.
        case ours
        /// The fleet file asks for it, and its host has no mark or does not answer. It is taken for ours if its host says so later.
        case unproven(String?)
        /// Its host has the mark of another cluster. It is not recorded, so nothing is done to it.
        case ofOtherCluster(id: String)
        /// No pool asks for it, and nothing proves that it is ours. It is not recorded: it is reported, and never removed by `apply`.
        case leftAlone(String?)
    }

    package var ledger: Ledger
    /// By name.
    package var findings: [String: Finding]
}

/// Why a ledger cannot be recovered.
package enum RecoveryRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    case noVMs(tag: String)
    case serverMissing(String)
    case serverUnreadable(String, String)
    case serverUnmarked(String)
    case serverLostItsData(String)

    package var description: String {
        switch self {
        case .noVMs(let tag): "no VM carries the tag \(tag)"
        case .serverMissing(let name): "the server \(name) is not there"
        case .serverUnreadable(let name, let reason): "the server \(name) cannot be read: \(reason)"
        case .serverUnmarked(let name): "the server \(name) has no mark of this program"
        case .serverLostItsData(let name): "the server \(name) has no data of a cluster, and other hosts belong to one"
        }
    }

    package var advice: String {
        switch self {
        case .noVMs: "check the cluster's name in the fleet file, and that the token is of the account with the VMs"
        case .serverMissing, .serverLostItsData:
            "its cluster cannot be recovered without it: restore a backup, or destroy the fleet and apply"
        case .serverUnreadable: "repair the host or the way to it, then try again"
        case .serverUnmarked: "only a fleet that this program set up can be recovered"
        }
    }
}

extension RecoveredLedger {
    /// `record`: what the server keeps. `now`: seconds since 1970. Of what the state directory alone knew, the worst is assumed: every node is
    /// set up once more, which restarts nothing that is as it should be.
    package init(of fleet: DesiredFleet, from observed: Observation, record: ServerRecord, now: Double) throws(RecoveryRefusal) {
        let server = try Self.server(of: fleet, in: observed)
        guard case .read(let reading) = observed.cluster, case .probed(let probe)? = observed.hosts[server] else {
            throw .serverUnreadable(server, "it gave no answer")
        }
        guard let id = probe.clusterID else { throw .serverUnmarked(server) }
        var ledger = Ledger(
            cluster: fleet.cluster.name, clusterID: id, clusterCIDR: record.clusterCIDR, serviceCIDR: record.serviceCIDR)
        ledger.founding = record.founding
        if probe.hasServerData, let hash = reading.caHash { ledger.founded(caHash: hash, on: server) }
        if let version = probe.binaryVersion, let digest = probe.binarySHA256 { ledger.staged(version, digest: digest) }
        let owned = Self.owned(by: fleet, in: observed)
        findings = Dictionary(
            uniqueKeysWithValues: owned.map { ($0.name, Finding(observed.hosts[$0.name], id, isWanted: fleet.desired($0.name))) })
        for vm in owned { ledger.recover(vm, findings[vm.name], observed.hosts[vm.name], now: now) }
        self.ledger = ledger
        guard ledger.founder == nil else { return }
        if owned.contains(where: { Self.hasJoined(observed.hosts[$0.name], id) }) { throw .serverLostItsData(server) }
    }

    /// The server to read a `ServerRecord` on.
    package static func server(of fleet: DesiredFleet, in observed: Observation) throws(RecoveryRefusal) -> String {
        let owned = owned(by: fleet, in: observed)
        guard !owned.isEmpty else { throw .noVMs(tag: fleet.cluster.tag) }
        let servers = fleet.nodes.filter { $0.role == .server }.map { $0.name }
        let present = servers.filter { name in owned.contains { $0.name == name } }
        // Of several one that has the cluster's data.
        guard let name = present.first(where: { Self.isWhole(observed.hosts[$0]) }) ?? present.first else {
            throw .serverMissing(servers.first ?? "of the fleet file")
        }
        guard let host = observed.hosts[name] else { throw .serverUnreadable(name, "its VM does not run") }
        if let reason = host.failure { throw .serverUnreadable(name, reason) }
        return name
    }

    private static func isWhole(_ host: ObservedHost?) -> Bool {
        guard case .probed(let probe)? = host else { return false }
        return probe.clusterID != nil && probe.hasServerData
    }

    package static func owned(by fleet: DesiredFleet, in observed: Observation) -> [ObservedVM] {
        (observed.vms ?? [:]).values.filter { $0.tags.contains(fleet.cluster.tag) }.sorted { $0.name < $1.name }
    }

    private static func hasJoined(_ host: ObservedHost?, _ id: String) -> Bool {
        guard case .probed(let probe)? = host else { return false }
        return probe.clusterID == id && probe.hasAgentData && !probe.hasServerData
    }
}

extension RecoveredLedger.Finding {
    fileprivate init(_ host: ObservedHost?, _ id: String, isWanted: Bool) {
        switch host {
        case .probed(let probe) where probe.clusterID == id: self = .ours
        case .probed(let probe):
            if let other = probe.clusterID {
                self = .ofOtherCluster(id: other)
            } else {
                self = isWanted ? .unproven(nil) : .leftAlone(nil)
            }
        case .unreachable(let reason), .refused(let reason, _), .loginRefused(let reason, _):
            self = isWanted ? .unproven(reason) : .leftAlone(reason)
        case nil: self = isWanted ? .unproven("its VM does not run") : .leftAlone("its VM does not run")
        }
    }
}

extension DesiredFleet {
    fileprivate func desired(_ name: String) -> Bool { nodes.contains { $0.name == name } }
}

extension Ledger {
    /// Records a VM as the findings allow it.
    fileprivate mutating func recover(_ vm: ObservedVM, _ finding: RecoveredLedger.Finding?, _ host: ObservedHost?, now: Double) {
        var instance = Instance(createdAt: vm.createdAt)
        switch finding {
        case .ours:
            (instance.configuration, instance.startedAt, instance.poweredOnAt, instance.commandSentAt) = (.unknown, now, now, now)
            guard case .probed(let probe)? = host else { break }
            // What never ran k3s may bear the name of an earlier machine, whose password the cluster keeps.
            instance.hasStaleIdentity = !probe.hasAgentData && !probe.hasServerData
            instance.isServer = probe.hasServerData
        case .unproven: instance.hasStaleIdentity = true
        case .ofOtherCluster, .leftAlone, nil: return
        }
        nodes[vm.name] = .present(instance)
    }
}
