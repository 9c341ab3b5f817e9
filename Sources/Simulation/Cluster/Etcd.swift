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

    /// Seconds between the leader's reads learners.
    package static let promotion = 15.0
    /// Seconds after which a learner that makes no progress is evicted.
    package static let stall = 300.0

    /// `cluster-init` on the first server.
    package init(founder: String, now: Double) {
        members[founder] = Member(isLearner: false, joinedAt: now, upSince: now, seenAt: now)
    }

    package var voters: Set<String> { Set(members.filter { !$0.value.isLearner }.keys) }
    package var learners: Set<String> { Set(members.filter { $0.value.isLearner }.keys) }
    package var quorum: Int { voters.count / 2 + 1 }

    /// Whether anything can be read or written while only `up` of the servers run. A ghost, a member without a machine, still counts.
    package func hasQuorum(up: Set<String>) -> Bool { voters.intersection(up).count >= quorum }

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
        for name in members.keys {
            let isUp = up.contains(name)
            members[name]!.upSince = isUp ? members[name]!.upSince ?? now : nil
            if isUp { members[name]!.seenAt = now }
        }
        guard hasQuorum(up: up) else { return }
        for (name, member) in members where member.isLearner {
            if let since = member.upSince, now - max(since, member.joinedAt) >= Self.promotion { members[name]!.isLearner = false }
            if now - member.seenAt > Self.stall { members[name] = nil }
        }
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
    package func answers(up: Set<String>) -> Bool { etcd?.hasQuorum(up: up) ?? true }
}
