import K3s
import Testing

@testable import FleetCore

/// What is remembered of a hash must never outlive what it was made of.
@Suite struct ConfigHashesTests {
    static func setup(_ extra: [String: ConfigValue] = [:], overlay: String = "100.64.0.2", ca: String = "ca-0") -> NodeSetup {
        NodeSetup(
            name: "demo-web-n1", role: .agent, version: K3sVersion("v1.34.9+k3s1")!, clusterName: "demo", clusterID: "id",
            overlayInterface: "tailscale0", overlayAddress: overlay, clusterCIDR: "10.44.0.0/16", serviceCIDR: "10.45.0.0/16", disable: [],
            extra: extra, serverAddress: "100.64.0.1", caHash: ca, taints: [])
    }

    static let server = (address: "100.64.0.1", caHash: "ca-0")

    static func node(_ name: String = "demo-web-n1", taints: [Taint] = []) -> DesiredNode {
        DesiredNode(
            name: name, pool: "web", role: .agent, vm: VMShape(image: "debian", cpu: 1, memory: "1GB", disk: "8GB", tags: []),
            k3s: K3sVersion("v1.34.9+k3s1")!, labels: [:], taints: taints, share: nil)
    }

    static func cluster(_ agents: [String: ConfigValue] = [:]) -> DesiredCluster {
        DesiredCluster(
            name: "demo", k3s: K3sVersion("v1.34.9+k3s1")!, clusterCIDR: CIDR("10.44.0.0/16")!, serviceCIDR: CIDR("10.45.0.0/16")!,
            overlay: .tailscale(authKey: .environment("KEY")), disable: [], serverConfig: [:], agentConfig: agents)
    }

    @Test func knowsAHashWhileNothingOfItChanges() {
        var hashes = ConfigHashes().of(Self.cluster(), "id")
        let hash = hashes.note(Self.setup(), of: Self.node())
        #expect(hash == Self.setup().configHash)
        #expect(hashes.hash(of: Self.node(), "100.64.0.2", Self.server) == hash)
        #expect(hashes.hash(of: Self.node("demo-web-n2"), "100.64.0.2", Self.server) == nil)
    }

    @Test func asksAgainWhenTheOverlayOrTheControlPlaneIsAnother() {
        var hashes = ConfigHashes().of(Self.cluster(), "id")
        _ = hashes.note(Self.setup(), of: Self.node())
        #expect(hashes.hash(of: Self.node(), "100.64.0.3", Self.server) == nil)
        #expect(hashes.hash(of: Self.node(), "100.64.0.2", ("100.64.0.9", "ca-0")) == nil)
        #expect(hashes.hash(of: Self.node(), "100.64.0.2", ("100.64.0.1", "ca-1")) == nil)
        #expect(hashes.hash(of: Self.node(), "100.64.0.2", nil) == nil)
        #expect(hashes.note(Self.setup(overlay: "100.64.0.3"), of: Self.node()) == Self.setup(overlay: "100.64.0.3").configHash)
    }

    /// The file may have been edited between two passes, or the ledger be another one.
    @Test func asksAgainOfAnotherFileOrLedger() {
        var hashes = ConfigHashes().of(Self.cluster(), "id")
        let former = hashes.note(Self.setup(), of: Self.node())
        #expect(hashes.of(Self.cluster(), "id").hash(of: Self.node(), "100.64.0.2", Self.server) == former)
        #expect(hashes.of(Self.cluster(), "id-2").hash(of: Self.node(), "100.64.0.2", Self.server) == nil)
        let pods: [String: ConfigValue] = ["kubelet-arg": .list(["max-pods=50"])]
        var edited = hashes.of(Self.cluster(pods), "id")
        #expect(edited.hash(of: Self.node(), "100.64.0.2", Self.server) == nil)
        #expect(edited.note(Self.setup(pods), of: Self.node()) != former)
        let tainted = Self.node(taints: [Taint(key: "a", value: "b", effect: .noSchedule)])
        #expect(hashes.hash(of: tainted, "100.64.0.2", Self.server) == nil)
    }

    /// As the audit of the proof asks.
    @Test func strictlyEveryPartOfASetupCounts() {
        var hashes = ConfigHashes().of(Self.cluster(), "id")
        let former = hashes.note(Self.setup(), of: Self.node())
        hashes = hashes.strict
        #expect(hashes.hash(of: Self.node(), "100.64.0.2", Self.server) == nil)
        #expect(hashes.note(Self.setup(), of: Self.node()) == former)
        let edited = Self.setup(["kubelet-arg": .list(["max-pods=50"])])
        #expect(hashes.note(edited, of: Self.node()) == edited.configHash)
    }
}
