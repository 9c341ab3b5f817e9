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

    @Test func knowsAHashWhileNothingOfItChanges() {
        var hashes = ConfigHashes()
        let hash = hashes.note(Self.setup())
        #expect(hash == Self.setup().configHash)
        #expect(hashes.hash(of: "demo-web-n1", "100.64.0.2", Self.server) == hash)
        #expect(hashes.hash(of: "demo-web-n2", "100.64.0.2", Self.server) == nil)
    }

    @Test func asksAgainWhenTheOverlayOrTheControlPlaneIsAnother() {
        var hashes = ConfigHashes()
        _ = hashes.note(Self.setup())
        #expect(hashes.hash(of: "demo-web-n1", "100.64.0.3", Self.server) == nil)
        #expect(hashes.hash(of: "demo-web-n1", "100.64.0.2", ("100.64.0.9", "ca-0")) == nil)
        #expect(hashes.hash(of: "demo-web-n1", "100.64.0.2", ("100.64.0.1", "ca-1")) == nil)
        #expect(hashes.hash(of: "demo-web-n1", "100.64.0.2", nil) == nil)
        #expect(hashes.note(Self.setup(overlay: "100.64.0.3")) == Self.setup(overlay: "100.64.0.3").configHash)
    }

    /// The file may have been edited between two passes.
    @Test func asksAgainInAnotherRun() {
        var hashes = ConfigHashes()
        let former = hashes.note(Self.setup())
        hashes = hashes.forAnotherRun
        #expect(hashes.hash(of: "demo-web-n1", "100.64.0.2", Self.server) == nil)
        let edited = Self.setup(["kubelet-arg": .list(["max-pods=50"])])
        #expect(hashes.note(edited) == edited.configHash)
        #expect(edited.configHash != former)
        #expect(hashes.note(Self.setup()) == former)
    }
}
