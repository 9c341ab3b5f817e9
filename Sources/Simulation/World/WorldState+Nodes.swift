import FleetCore
import K3s

/// How a node is, by the cluster that answers and by its machine.
extension WorldState {
    func isMember(_ name: String) -> Bool {
        guard let api = apiServer else { return false }
        return clusters[api.cluster].nodes.place(of: name) != nil
    }

    func isCordoned(_ name: String) -> Bool { apiServer.flatMap { clusters[$0.cluster].nodes[name]?.isUnschedulable } ?? false }

    /// Cordoned by us, to come back.
    func isInMaintenance(_ name: String) -> Bool {
        clusters.contains { $0.nodes[name]?.annotations[NodeAnnotation.maintenance] != nil }
    }

    /// No drain empties it.
    func keepsItsPods(_ name: String) -> Bool {
        // Also while nobody can ask for it.
        guard let node = clusters.lazy.compactMap({ $0.nodes[name] }).first else { return false }
        return node.annotations[ClusterModel.barePod] != nil || node.annotations[ClusterModel.blockedDrain] != nil
    }

    /// A member that says it is ready.
    func isReady(_ name: String) -> Bool { isMember(name) && machine(name)?.heartbeat(now: now) == true }

    /// Whether an order to install would restart k3s: what runs already as it is asked for is left alone.
    func isRestarted(by setup: NodeSetup) -> Bool {
        guard let machine = machine(setup.name) else { return false }
        return machine.unit == nil || machine.needsRestart || machine.disk.setup?.running != setup.running || bringsToEtcd(setup)
    }

    /// One server's sqlite goes to etcd when it starts with this.
    func bringsToEtcd(_ setup: NodeSetup) -> Bool {
        guard setup.initializesEtcd, let cluster = machine(setup.name)?.disk.serverData else { return false }
        return clusters[cluster].etcd == nil
    }
}

extension NodeSetup {
    /// What k3s runs with: taints count when a node first registers, and the way into the cluster while it is no member.
    var running: NodeSetup {
        var setup = self
        (setup.taints, setup.serverAddress, setup.initializesEtcd, setup.roundTripLimit) = ([], nil, false, 10)
        if setup.role == .server { setup.caHash = nil }
        return setup
    }

    /// k3s ends at once with a kubelet argument that it does not understand.
    var isRefused: Bool { if case .list(let flags)? = extra["kubelet-arg"] { flags.contains("max-pods=none") } else { false } }
}
