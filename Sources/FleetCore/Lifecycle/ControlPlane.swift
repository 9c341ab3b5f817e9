package import K3s

/// The servers of a fleet as far as they are known. One server is the case with one member.
package struct ControlPlane: Sendable, Hashable {
    /// A server, asked for by the fleet file or found in the cluster.
    package struct Member: Sendable, Hashable {
        package let name: String
        package let isDesired: Bool
        /// As the cluster knows it; nil while it has no Node.
        let node: NodeReading?

        package var isReady: Bool { node?.ready == .ready }
        package var version: K3sVersion? { node?.version }
        /// k3s runs there as a server and its Node is registered; with etcd its member votes.
        package var isVoter: Bool { node?.isControlPlane == true && (node?.etcd ?? .voter) == .voter }
    }

    /// A member whose API answers for the fleet's own cluster.
    package struct Endpoint: Sendable, Hashable {
        package let name: String
        /// In the overlay network.
        package let address: String
        /// sha256 of the cluster's CA certificate.
        package let caHash: String
    }

    /// Those that the file asks for, in its order, then the others.
    package let members: [Member]
    /// The server that was told to found the cluster.
    package let founder: String?
    /// Agents join it and kubectl runs there; nil while no member answers.
    package let endpoint: Endpoint?
    /// Why none answers; nil when one does.
    package let silence: ControlPlaneSilence?
    /// Why the cluster that answers is not this ledger's, so that nothing may be done to it.
    package let mismatch: Reason?

    /// The member to ask, whether or not it answers.
    package let contact: String?

    package var answers: Bool { endpoint != nil }
    /// Their state is in etcd.
    package var isEtcd: Bool { members.contains { $0.node?.etcd != nil } }
    /// Where some say how their member of etcd is, only who votes.
    package var voters: [Member] { members.filter { $0.isVoter && (!isEtcd || $0.node?.etcd != nil) } }
    /// How many voters must be ready for anything to be changed (facts/k3s.md §5.1).
    package var quorum: Int { voters.count / 2 + 1 }
    /// Of the servers that the file asks for; agents may not be newer.
    package var oldestVersion: K3sVersion? { members.filter { $0.isDesired }.compactMap(\.version).min() }

    package func contains(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// Why agents cannot be joined.
    package var reason: Reason {
        guard let contact else { return .fleetWithoutServer }
        return .controlPlaneNotReady(server: contact, silence ?? .unregistered)
    }
}

extension ControlPlane {
    static func of(_ facts: FleetFacts) -> ControlPlane {
        let (members, mismatch) = (members(facts), facts.reading.flatMap(facts.mismatch))
        let contact = facts.inquiry.choice(of: facts.inquirable)
        let endpoint = mismatch == nil ? endpoint(members.first { $0.name == contact }, facts.reading) : nil
        return ControlPlane(
            members: members, founder: facts.ledger.founder, endpoint: endpoint,
            silence: endpoint == nil ? silence(facts.observed.cluster, mismatch) : nil, mismatch: mismatch, contact: contact)
    }

    private static func members(_ facts: FleetFacts) -> [Member] {
        let desired = facts.fleet.nodes.prefix { $0.role == .server }.map { $0.name }
        let others = (facts.reading?.nodes ?? []).filter { $0.isControlPlane && !desired.contains($0.name) }
        return desired.map { Member(name: $0, isDesired: true, node: facts.observed.node($0)) }
            + others.map { Member(name: $0.name, isDesired: false, node: $0) }
    }

    private static func endpoint(_ member: Member?, _ reading: ClusterReading?) -> Endpoint? {
        guard let reading, reading.apiReady, let caHash = reading.caHash, let member, let address = member.node?.internalIP
        else { return nil }
        return Endpoint(name: member.name, address: address, caHash: caHash)
    }

    private static func silence(_ cluster: ObservedCluster, _ mismatch: Reason?) -> ControlPlaneSilence {
        switch cluster {
        case .unseen: .unread
        case .unreachable(let reason): .unreachable(reason)
        case .read(let reading) where !reading.apiReady: .starting(reading.reason)
        case .read: mismatch == nil ? .unregistered : .ofOtherCluster
        }
    }
}

extension FleetFacts {
    var reading: ClusterReading? { if case .read(let reading) = observed.cluster { reading } else { nil } }

    /// Why the cluster of this reading is not this ledger's.
    func mismatch(_ reading: ClusterReading) -> Reason? {
        if !ledger.hasMarked(reading), holds(.otherCluster) { return .serverOfOtherCluster(id: reading.clusterID) }
        guard let known = ledger.caHash, let observed = reading.caHash, observed != known else { return nil }
        return .clusterCAChanged
    }
}
