import FleetCore
import K3s

/// How servers come into a cluster, and out of it.
extension WorldState {
    /// Founds a cluster, joins the one that its configuration names, or finds its own on its disk. False while it cannot.
    mutating func enter(_ index: Int, _ setup: NodeSetup, _ unit: Machine.RunningUnit) -> Bool {
        if machines[index].disk.serverData == nil {
            guard let address = setup.serverAddress else {
                found(index, setup, at: unit.startedAt + 1)
                return true
            }
            guard join(index, setup, through: address) else { return false }
        }
        guard let cluster = machines[index].disk.serverData else { return false }
        let name = machines[index].name
        // sqlite is brought to etcd at the first start with `cluster-init`.
        if setup.initializesEtcd, clusters[cluster].etcd == nil { clusters[cluster].etcd = Etcd(founder: name, now: now) }
        guard let etcd = clusters[cluster].etcd else { return true }
        guard etcd.members[name] != nil else {
            machines[index].unit?.complaint = Machine.expulsion
            return false
        }
        return clusters[cluster].answers(up: serversUp(cluster), now: now)
    }

    private mutating func found(_ index: Int, _ setup: NodeSetup, at time: Double) {
        let (secret, number, name) = ("secret-of-\(setup.clusterID)", clusters.count, machines[index].name)
        var cluster = ClusterModel(
            certificate: Self.caHash(number), serverPassword: "server-" + secret, agentPassword: "agent-" + secret, podNetwork: "10.244")
        if setup.initializesEtcd { cluster.etcd = Etcd(founder: name, now: time) }
        clusters.append(cluster)
        machines[index].write(now: time) { $0.serverData = number }
        report(.founded(cluster: number, clusterID: setup.clusterID, on: name))
    }

    /// It learns first. After a refusal k3s tries again by itself.
    private mutating func join(_ index: Int, _ setup: NodeSetup, through address: String) -> Bool {
        guard let cluster = cluster(at: address) else {
            machines[index].unit?.complaint = "failed to get CA certs: connection refused"
            return false
        }
        let name = machines[index].name
        do throws(ClusterModel.Refusal) {
            guard setup.caHash == nil || setup.caHash == Self.caHash(cluster), machines[index].disk.hasToken else {
                throw .init(description: "token CA hash does not match the Cluster CA certificate hash")
            }
            guard clusters[cluster].etcd != nil else { throw .init(description: "cannot join: the datastore there is not etcd") }
            try clusters[cluster].etcd!.join(name, up: serversUp(cluster), now: now)
        } catch {
            machines[index].unit?.complaint = error.description
            return false
        }
        if learnersStall { clusters[cluster].etcd?.stalledUntil = 1e15 }
        report(.learns(cluster: cluster, name))
        machines[index].write(now: now) { $0.serverData = cluster }
        return true
    }

    /// The cluster whose API answers at an overlay address.
    private func cluster(at address: String) -> Int? {
        machines.indices.first { machines[$0].overlayAddress == address && machines[$0].isServer }.flatMap(cluster(servedBy:))
    }

    /// An agent that was in remembers every server; one that joins knows the one that its configuration names (facts/k3s.md §5.6).
    func reaches(_ index: Int, _ setup: NodeSetup, _ number: Int) -> Bool {
        setup.serverAddress.flatMap(cluster(at:)) == number || machines[index].disk.password != nil
    }

    /// A member that was removed ends, and does not come up again.
    mutating func expel(_ number: Int) {
        guard let etcd = clusters[number].etcd else { return }
        for index in machines.indices
        where machines[index].isServer && machines[index].disk.serverData == number && etcd.members[machines[index].name] == nil {
            machines[index].unit?.registeredAt = nil
            machines[index].unit?.complaint = Machine.expulsion
        }
    }

    /// One starts and will come up by itself: its member was not taken out, and enough others are there.
    var isServerComing: Bool {
        machines.contains { machine in
            guard machine.isServer, machine.isStarting, !machine.isExpelled else { return false }
            guard let cluster = machine.disk.serverData, let etcd = clusters[cluster].etcd else { return true }
            return etcd.hasQuorum(up: Set(machines.filter { $0.disk.serverData == cluster && $0.unit != nil }.map(\.name)))
        }
    }

    func isOneOfTwoVoters(_ name: String) -> Bool {
        clusters.contains { $0.etcd.map { $0.voters.count == 2 && $0.isVoter(name) } ?? false }
    }

    // MARK: what others do to etcd

    static let intruder = "their-server"

    mutating func withdrawIntruders(_ number: Int) {
        guard let end = intrusion, now >= end else { return }
        clusters[number].etcd?.withdraw(Self.intruder)
        intrusion = nil
    }
}
