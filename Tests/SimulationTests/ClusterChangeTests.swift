import Testing

@testable import Simulation

/// What kubectl's verbs do to a cluster, by method as the world in memory asks and by words as a script does.
@Suite struct ClusterChangeTests {
    private static func cluster() throws -> ClusterModel {
        var cluster = ClusterModel(certificate: "ca", serverPassword: "s", agentPassword: "a", podNetwork: "10.244")
        try cluster.register(.init(name: "web", isServer: false, address: "100.64.1.2", version: "v1.34.9+k3s1"), password: "p", now: 0)
        _ = cluster.beat("web", isReady: true, now: 0)
        return cluster
    }

    private static func kubectl(_ line: String, on cluster: inout ClusterModel, input: String = "", now: Double = 10) -> Kubectl.Answer {
        Kubectl(line.split(separator: " ").map(String.init), input: input).run(on: &cluster, now: now)
    }

    @Test func aPatchNamesTheVersionThatItIsMadeFor() throws {
        var cluster = try Self.cluster()
        let revision = try #require(cluster.nodes["web"]?.revision)
        try cluster.patch("web", .init(labels: ["tier": "front"], revision: revision))
        let conflict = ClusterModel.Failure.conflict(kind: "nodes", "web")
        #expect(throws: conflict) { try cluster.patch("web", .init(labels: ["tier": nil], revision: revision)) }
        #expect(throws: ClusterModel.Failure.notFound(kind: "nodes", "none")) { try cluster.patch("none", .init()) }
        let line = #"patch node web --type=merge -p {"metadata":{"resourceVersion":"\#(revision)"}}"#
        #expect(Self.kubectl(line, on: &cluster).error == "\(conflict)\n")
        #expect(Self.kubectl("label node web tier-", on: &cluster) == .said("node/web labeled"))
        #expect(cluster.nodes["web"]?.labels["tier"] == nil)
    }

    /// Pods end when their kubelet says so; `isAsked`: whether those of a silent one are waited for.
    @Test(arguments: [(10.0, true, true), (61, true, false), (61, false, true)])
    func aSilentKubeletEndsNoPods(now: Double, isAsked: Bool, isDrained: Bool) throws {
        var cluster = try Self.cluster()
        let skip = isAsked ? "" : " --skip-wait-for-delete-timeout=60"
        let answer = Self.kubectl("drain web --ignore-daemonsets --timeout=300s" + skip, on: &cluster, now: now)
        #expect((answer.status == 0) == isDrained && answer.isEvicting == (isDrained ? nil : 300))
        #expect(cluster.nodes["web"]?.isUnschedulable == true)
    }

    @Test func aDisruptionBudgetForbidsTheEviction() throws {
        var cluster = try Self.cluster()
        _ = cluster.change("web") { $0.annotations[ClusterModel.blockedDrain] = "" }
        #expect(throws: ClusterModel.Failure.evictionBlocked) { try cluster.drain("web", skipsTheSilent: true, now: 10) }
        try cluster.uncordon("web")
        #expect(cluster.nodes["web"]?.isUnschedulable == false)
    }

    /// An uncordon beside a drain that tries again stays.
    @Test func aDrainCordonsOnce() throws {
        var cluster = try Self.cluster()
        _ = cluster.change("web") { $0.annotations[ClusterModel.blockedDrain] = "" }
        let words = ["drain", "web", "--ignore-daemonsets", "--timeout=20s"]
        _ = Kubectl(words).run(on: &cluster, now: 10)
        try cluster.uncordon("web")
        #expect(Kubectl(words, isRetry: true).run(on: &cluster, now: 10).isEvicting == 20)
        #expect(cluster.nodes["web"]?.isUnschedulable == false)
    }

    @Test func aLeaseIsReplacedAtItsVersion() throws {
        var cluster = try Self.cluster()
        try cluster.create(.init(holder: "a", renewedAt: 100, seconds: 60, number: 1), as: "l")
        #expect(throws: ClusterModel.Failure.alreadyExists(kind: "leases.coordination.k8s.io", "l")) {
            try cluster.create(.init(holder: "b", renewedAt: 100, seconds: 60, number: 1), as: "l")
        }
        try cluster.replace(.init(holder: "a", renewedAt: 130, seconds: 60, number: 1), as: "l", version: 1)
        #expect(throws: ClusterModel.Failure.conflict(kind: "leases.coordination.k8s.io", "l")) {
            try cluster.replace(.init(holder: "b", renewedAt: 130, seconds: 60, number: 1), as: "l", version: 1)
        }
        #expect(cluster.leases["l"]?.left(now: 180) == 10 && cluster.leases["l"]?.version == 2)
    }

    /// What a script wrote it reads again.
    @Test func aLeaseInWords() throws {
        var cluster = try Self.cluster()
        let manifest =
            #"{"kind":"Lease","metadata":{"name":"l"},"spec":{"holderIdentity":"a/1","leaseDurationSeconds":60,"renewTime":"2026-11-28T07:47:34.000000Z"}}"#
        #expect(Self.kubectl("create -f -", on: &cluster, input: manifest) == .said("lease.coordination.k8s.io/l created"))
        #expect(Self.kubectl("create -f -", on: &cluster, input: manifest).error.contains("AlreadyExists"))
        let fields = "{.metadata.resourceVersion}|{.spec.holderIdentity}|{.spec.leaseDurationSeconds}|{.spec.leaseTransitions}"
        #expect(Self.kubectl("get lease l -o jsonpath=" + fields, on: &cluster).output == "1|a/1|60|0")
        #expect(Self.kubectl("get lease other -o json", on: &cluster).error.contains("NotFound"))
        #expect(Self.kubectl("get lease other --ignore-not-found", on: &cluster) == Kubectl.Answer())
    }
}
