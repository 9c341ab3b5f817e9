import Simulation
import Testing

/// The members of etcd as k3s keeps them (facts/k3s.md §5).
@Suite struct EtcdTests {
    private static func three() throws -> Etcd {
        var etcd = Etcd(founder: "a", now: 0)
        for (number, name) in ["b", "c"].enumerated() {
            let up: Set<String> = Set(["a", "b", "c"].prefix(number + 2))
            try etcd.join(name, up: up, now: Double(number) * 20)
            etcd.settle(up: up, now: Double(number) * 20 + 15)
        }
        return etcd
    }

    @Test func aMemberLearnsBeforeItVotes() throws {
        var etcd = Etcd(founder: "a", now: 0)
        try etcd.join("b", up: ["a"], now: 0)
        etcd.settle(up: ["a", "b"], now: 14)
        #expect(etcd.learners == ["b"] && etcd.quorum == 1)
        etcd.settle(up: ["a", "b"], now: 15)
        #expect(etcd.voters == ["a", "b"] && etcd.quorum == 2)
    }

    @Test func oneLearnsAtATime() throws {
        var etcd = Etcd(founder: "a", now: 0)
        try etcd.join("b", up: ["a"], now: 0)
        let refusal = #expect(throws: ClusterModel.Refusal.self) { try etcd.join("c", up: ["a", "b"], now: 1) }
        #expect(refusal?.description.contains("too many learner members") == true)
    }

    @Test func aLearnerThatStallsIsOut() throws {
        var etcd = Etcd(founder: "a", now: 0)
        try etcd.join("b", up: ["a"], now: 0)
        etcd.settle(up: ["a"], now: 299)
        #expect(etcd.learners == ["b"])
        etcd.settle(up: ["a"], now: 301)
        #expect(etcd.learners.isEmpty && etcd.voters == ["a"])
    }

    @Test func aGhostCountsAndKeepsItsName() throws {
        var etcd = try Self.three()
        #expect(etcd.hasQuorum(up: ["a", "b"]) && !etcd.hasQuorum(up: ["a"]))
        let refusal = #expect(throws: ClusterModel.Refusal.self) { try etcd.join("c", up: ["a", "b"], now: 99) }
        #expect(refusal?.description.contains("duplicate node name") == true)
        #expect(throws: ClusterModel.Refusal.self) { try etcd.join("d", up: ["a"], now: 99) }
    }

    @Test func nobodyLeavesWithoutAQuorum() throws {
        var etcd = try Self.three()
        let hasLeftAlone = etcd.remove("c", up: ["a"])
        #expect(!hasLeftAlone && etcd.voters == ["a", "b", "c"])
        let (hasLeft, strangerHas) = (etcd.remove("c", up: ["a", "b"]), etcd.remove("stranger", up: []))
        #expect(hasLeft && strangerHas && etcd.voters == ["a", "b"])
    }

    /// The Node of a member goes when its member has, and not before.
    @Test func aNodeWaitsForItsMember() throws {
        var cluster = ClusterModel(certificate: "ca", serverPassword: "s", agentPassword: "a", podNetwork: "10.244")
        for name in ["a", "b", "c"] {
            try cluster.register(
                .init(name: name, isServer: true, address: "100.64.0.1", version: "v1.34.9+k3s1"), password: name, now: 0)
        }
        cluster.etcd = try Self.three()
        let isDeleted = cluster.deleteNode("c")
        #expect(isDeleted && cluster.nodes["c"]?.isDeleting == true)
        cluster.settle(up: ["a"], now: 100)
        #expect(cluster.nodes["c"] != nil && !cluster.answers(up: ["a"], now: 1000))
        cluster.settle(up: ["a", "b"], now: 100)
        #expect(cluster.nodes["c"] == nil && cluster.etcd?.voters == ["a", "b"])
    }
}
