/// The members of an embedded etcd as k3s keeps them (facts/k3s.md §5): who votes, who still learns, and whether anything can be written.
/// A cluster of one server on sqlite has none.
package struct Etcd: Codable, Sendable, Equatable {
    package struct Member: Codable, Sendable, Equatable {
        package var isLearner: Bool
        package var joinedAt: Double
        /// Since when it is up without a break; nil while it is down.
        var upSince: Double?
        var seenAt: Double
    }

    package private(set) var members: [String: Member] = [:]
    /// Whose going leaves the others without one for some seconds; nil after it has gone.
    package var leader: String?
    /// When the others have elected one.
    private var electedAt = 0.0
    /// Until when learners get on with nothing.
    package var stalledUntil: Double?

    /// Seconds between the leader's reads learners.
    package static let promotion = 15.0
    /// Seconds after which a learner that makes no progress is evicted.
    package static let stall = 300.0
    /// Seconds without a leader (facts/k3s.md §5.3).
    package static let election = 7.0

    /// `cluster-init` on the first server.
    package init(founder: String, now: Double) {
        members[founder] = Member(isLearner: false, joinedAt: now, upSince: now, seenAt: now)
        leader = founder
    }

    /// A member without a machine and without a Node, which votes all the same (facts/k3s.md §5.3).
    package mutating func haunt(_ name: String, now: Double) {
        members[name] = Member(isLearner: false, joinedAt: now, upSince: nil, seenAt: now)
    }

    /// Somebody else's server learns for a while.
    package mutating func intrude(_ name: String, now: Double) {
        if members[name] == nil { members[name] = Member(isLearner: true, joinedAt: now, upSince: nil, seenAt: now) }
    }

    package mutating func withdraw(_ name: String) { members[name] = nil }

    package func isVoter(_ name: String) -> Bool { members[name]?.isLearner == false }

    package var voters: Set<String> { Set(members.filter { !$0.value.isLearner }.keys) }
    package var learners: Set<String> { Set(members.filter { $0.value.isLearner }.keys) }
    package var quorum: Int { voters.count / 2 + 1 }

    /// Whether anything can be read or written while only `up` of the servers run. A ghost, a member without a machine, still counts.
    package func hasQuorum(up: Set<String>) -> Bool { voters.intersection(up).count >= quorum }

    /// Whether anybody leads.
    package func isLed(now: Double) -> Bool { now >= electedAt }

    /// A server asks to join; k3s tries again by itself after a refusal.
    package mutating func join(_ name: String, up: Set<String>, now: Double) throws(ClusterModel.Refusal) {
        guard members[name] == nil else {
            throw ClusterModel.Refusal(description: "duplicate node name found, please use a unique name for this node")
        }
        guard hasQuorum(up: up) else { throw ClusterModel.Refusal(description: "etcdserver: unhealthy cluster") }
        guard learners.isEmpty else {
            throw ClusterModel.Refusal(description: "etcdserver: too many learner members in cluster")
        }
        members[name] = Member(isLearner: true, joinedAt: now, upSince: now, seenAt: now)
    }

    /// The leader's round: a learner that kept up votes from now on, one that stalled is out.
    package mutating func settle(up: Set<String>, now: Double) {
        let isStalled = stalledUntil.map { now < $0 } ?? false
        for name in members.keys {
            let isUp = up.contains(name) && !(isStalled && members[name]!.isLearner)
            members[name]!.upSince = isUp ? members[name]!.upSince ?? now : nil
            if isUp { members[name]!.seenAt = now }
        }
        guard hasQuorum(up: up) else { return }
        elect(up: up, now: now)
        for (name, member) in members where member.isLearner {
            if let since = member.upSince, now - max(since, member.joinedAt) >= Self.promotion { members[name]!.isLearner = false }
            if now - member.seenAt > Self.stall { members[name] = nil }
        }
    }

    private mutating func elect(up: Set<String>, now: Double) {
        let candidates = voters.intersection(up)
        if let leader, candidates.contains(leader) { return }
        // Of one member there is nobody to agree with.
        if leader != nil, voters.count > 1 { electedAt = now + Self.election }
        leader = candidates.sorted().first
    }

    /// The finalizer of a Node that is deleted. False while there is no quorum to agree to it.
    package mutating func remove(_ name: String, up: Set<String>) -> Bool {
        guard members[name] != nil else { return true }
        guard hasQuorum(up: up) else { return false }
        members[name] = nil
        return true
    }
}

extension ClusterModel {
    /// What controllers do by themselves while `up` of the servers run: etcd's round, and Nodes that wait for their member to go.
    package mutating func settle(up: Set<String>, now: Double) {
        guard etcd != nil else { return }
        etcd!.settle(up: up, now: now)
        for node in nodes.values where node.isDeleting && etcd!.remove(node.registration.name, up: up) { dropNode(node.registration.name) }
    }

    /// Whether the API answers.
    package func answers(up: Set<String>, now: Double) -> Bool { etcd.map { $0.hasQuorum(up: up) && $0.isLed(now: now) } ?? true }
}
