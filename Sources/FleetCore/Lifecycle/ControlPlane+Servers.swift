import K3s

/// Which server is asked about the cluster, and by kubectl. One that gives no answer is stepped past at once.
package struct Inquiry: Sendable, Hashable {
    /// The one that answered last.
    private var last: String?
    /// Those that gave no answer since one did.
    private var silent: Set<String> = []

    package init() {}

    package mutating func answered(_ name: String) { (last, silent) = (name, []) }

    /// False when nobody is left to ask: the next round begins with the first one again.
    package mutating func passes(_ name: String, of candidates: [String]) -> Bool {
        silent.insert(name)
        if candidates.contains(where: { !silent.contains($0) }) { return true }
        (last, silent) = (nil, [])
        return false
    }

    func choice(of candidates: [String]) -> String? {
        if let last, candidates.contains(last), !silent.contains(last) { return last }
        return candidates.first { !silent.contains($0) } ?? candidates.first
    }
}

/// What is known of the fleet's servers beside what the cluster says of them.
extension FleetFacts {
    package var inquiry: Inquiry {
        get { observed.inquiry }
        set { observed.inquiry = newValue }
    }

    /// Those that the file asks for, in its order.
    var desiredServers: ArraySlice<DesiredNode> { fleet.nodes.prefix { $0.role == .server } }

    /// k3s was set up there as a server by us.
    func isOurServer(_ name: String) -> Bool { ledger.founder == name || record(name)?.instance?.isServer == true }

    func isServer(_ name: String) -> Bool {
        desired(name)?.role == .server || isOurServer(name) || observed.node(name)?.isControlPlane == true
    }

    /// It belongs to the cluster, or was told to join it.
    func isMember(_ name: String) -> Bool {
        ledger.founder == name || observed.node(name)?.isControlPlane == true
            || record(name)?.instance.map { $0.isServer && $0.startedAt != nil } ?? false
    }

    /// The other servers of the file that are members.
    func otherMembers(than name: String) -> [String] { desiredServers.map { $0.name }.filter { $0 != name && isMember($0) } }

    /// The servers that can be asked about the cluster, in the order in which they are.
    package var inquirable: [String] {
        let wanted = desiredServers.map { $0.name }
        let leaving = unmanagedServers.filter { [nil, .begun, .drained].contains(record($0)?.leaveStage) }
        guard wanted.count + leaving.count > 1 else { return wanted }
        guard ledger.caHash != nil else { return ledger.founder.map { [$0] } ?? Array(wanted.prefix(1)) }
        let members = wanted.filter(isMember) + leaving
        let running = members.filter { name in
            guard let vm = observed.vms?[name] else { return false }
            return isOwned(vm) && (vm.status == .running || vm.status == .starting)
        }
        if !running.isEmpty { return running }
        return members.isEmpty ? Array(wanted.prefix(1)) : members
    }

    /// Servers of ours that no pool asks for any more, in the order in which they leave: one that has begun to, then the last one first.
    var unmanagedServers: [String] {
        let names = ledger.nodes.keys.filter { !isWanted($0) && ledger.nodes[$0]?.instance?.isServer == true }
        return names.sorted { one, other in
            let (begun, otherBegun) = (record(one)?.leaveStage != nil, record(other)?.leaveStage != nil)
            return begun == otherBegun ? one > other : begun
        }
    }

    /// Why this reading is not one of the fleet's cluster that answers; nil when it is.
    package func unusable(_ cluster: ObservedCluster) -> String? {
        switch cluster {
        case .unseen: "it was not read"
        case .unreachable(let reason): reason
        case .read(let reading) where !reading.apiReady: reading.reason ?? "no API yet"
        case .read(let reading): mismatch(reading)?.text
        }
    }

    /// Servers on their way out, those that are made again too: the dead, those that have begun, those that the file asks for no more, the others.
    var leavingServers: [String] {
        let replaced = desiredServers.filter { replacementCause($0.name) != nil || isOfAnotherImage($0) && mayReplace($0) }.map { $0.name }
        func isDead(_ name: String) -> Bool { replacementCause(name) == .dead }
        func hasBegun(_ name: String) -> Bool { record(name)?.leaveStage != nil }
        let living = replaced.filter { !isDead($0) }
        return replaced.filter(isDead) + living.filter(hasBegun) + unmanagedServers + living.filter { !hasBegun($0) }
    }

    /// The servers of the file without this one, but for those that are yet to come.
    func staying(without name: String) -> [ControlPlane.Member] {
        controlPlane.members.filter { $0.isDesired && $0.name != name && ($0.node != nil || isMember($0.name)) }
    }

    // MARK: ways into the cluster

    /// Whether this server joins others, and founds nothing whatever becomes of its disk.
    func joins(_ name: String) -> Bool {
        guard desired(name)?.role == .server else { return false }
        let isFounder = (ledger.founder ?? desiredServers.first?.name) == name
        return otherMembers(than: name).isEmpty ? !isFounder && isMoreThanMoved : ledger.caHash != nil || !isFounder
    }

    /// A server of the file is a member, or nothing is founded yet: else the file gives the only server another name.
    private var isMoreThanMoved: Bool { ledger.founder == nil || desiredServers.contains { isMember($0.name) } }

    /// Whether its configuration says `cluster-init`: until the cluster is founded, or until sqlite is brought to etcd, which k3s does at its next
    /// start with it (docs.k3s.io/datastore/ha-embedded).
    func initializesEtcd(_ name: String) -> Bool {
        guard fleet.cluster.datastore == .etcd, (ledger.founder ?? desiredServers.first?.name) == name, otherMembers(than: name).isEmpty
        else { return false }
        guard ledger.caHash != nil else { return true }
        guard let node = observed.node(name) else { return record(name)?.instance?.entrance == NodeSetup.founding }
        return node.etcd == nil
    }

    /// The overlay address of the server that the node's configuration names. It stays the same for as long as that server is one of the file's and
    /// of the cluster's, however it is.
    func entranceAddress(of node: DesiredNode) -> String? {
        let leaving = leavingServers.first
        let others = controlPlane.members.filter {
            $0.isDesired && $0.name != node.name && $0.name != leaving && $0.isVoter && $0.node?.internalIP != nil
        }
        // Who is in knows the other servers; who joins needs one that answers (facts/k3s.md §5.6).
        let isIn = observed.node(node.name) != nil
        if let known = entrance(of: node), others.contains(where: { $0.node?.internalIP == known && (isIn || $0.isReady) }) { return known }
        if let endpoint = controlPlane.endpoint, endpoint.name != node.name, endpoint.name != leaving || others.isEmpty {
            return endpoint.address
        }
        return others.first(where: \.isReady)?.node?.internalIP
    }

    /// As `NodeSetup.entrance` of its configuration.
    func desiredEntrance(of node: DesiredNode) -> String {
        node.role == .server && initializesEtcd(node.name) ? NodeSetup.founding : entranceAddress(of: node) ?? ""
    }

    /// The one that its configuration names now. Agents of an older ledger name the founder.
    func entrance(of node: DesiredNode) -> String? {
        if let known = record(node.name)?.instance?.entrance { return known }
        guard node.role == .agent, record(node.name)?.instance?.startedAt != nil else { return nil }
        return ledger.founder.flatMap { observed.node($0)?.internalIP }
    }

    /// A server whose absence would cost the quorum gets another entrance only when the one that it names is gone: a member needs none.
    func mayReenter(_ node: DesiredNode) -> Bool {
        let voters = controlPlane.voters
        guard node.role == .server, voters.count > 1 else { return true }
        return voters.count { $0.name != node.name && $0.isReady } >= controlPlane.quorum
    }

    // MARK: the way out

    /// Whether a server may be taken out of the cluster: the file asks for fewer, or it is made again, and all that stay are members.
    func mayLeave(_ name: String) -> Bool {
        let isReplaced = replacementCause(name) != nil || desired(name).map(mayReplace) ?? false
        guard isReplaced || (!isWanted(name) && record(name)?.instance?.isServer == true) else { return false }
        let staying = isReplaced ? staying(without: name) : controlPlane.members.filter(\.isDesired)
        return !staying.isEmpty && staying.allSatisfy(\.isVoter)
    }

    /// Several servers, none of which has answered for long.
    var lastingSilence: Reason? {
        let members = desiredServers.map { $0.name }.filter(isMember) + unmanagedServers
        guard members.count > 1, ledger.caHash != nil else { return nil }
        let lost = members.filter { name in
            let isThere = observed.vms?[name].map { $0.status == .running } ?? false
            return !isThere || observed.hosts[name].map { $0.failure != nil } ?? true || NodeFacts.of(name, self).isDown
        }
        return .quorumLost(lost: (lost.isEmpty ? members : lost).sorted(), of: members.count)
    }

    /// Why nothing can be changed any more, and no member be removed: most of several servers are gone.
    var quorumLoss: Reason? {
        guard !controlPlane.answers, ledger.caHash != nil, let vms = observed.vms else { return nil }
        let members = desiredServers.map { $0.name }.filter(isMember) + unmanagedServers
        let lost = members.filter { vms[$0] == nil }
        guard members.count > 1, members.count - lost.count < members.count / 2 + 1 else { return nil }
        return .quorumLost(lost: lost.sorted(), of: members.count)
    }
}
