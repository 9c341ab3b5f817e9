import Foundation
import TestSupport
import Testing

/// Several servers on booted machines, whose stand-in k3s keeps members of etcd over the wire.
extension WireTests {
    @Test func foundsThreeServersAndShrinksToOne() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 1"], servers: 3)
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")
            #expect(apply.err.contains("etcd between servers"), "the file is warned of: \(apply.err)")
            let names = ["wire-cp-n1", "wire-cp-n2", "wire-cp-n3", "wire-web-n1"]
            for server in names.prefix(3) { #expect(try await wire.kubectl("get nodes", on: server) == names.joined(separator: "\n")) }
            let configs = try await Self.entrances(wire, names)
            #expect(configs.allSatisfy { !$0.contains("cluster-init") && $0.contains("server:") }, "\(configs)")
            let again = try await wire.k8s("apply", "--yes")
            #expect(again.status == 0 && again.err.contains("Settled. 0 steps"), "\(again.all)")

            try wire.write(pools: ["web": "nodes: 1"], servers: 1)
            let plan = try await wire.k8s("plan")
            #expect(plan.status == 2 && plan.out.contains("wire-cp-n2") && plan.out.contains("wire-cp-n3"), "\(plan.all)")
            let shrunk = try await wire.k8s("apply", "--yes")
            try #require(shrunk.status == 0, "\(shrunk.all)")
            #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1"])
            #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-web-n1")
            let left = try await Self.entrances(wire, ["wire-cp-n1"])
            #expect(!left[0].contains("server:") && !left[0].contains("cluster-init"), "\(left)")
            let settled = try await wire.k8s("plan")
            #expect(settled.status == 0 && settled.out.contains("No changes"), "\(settled.all)")
        }
    }

    @Test func growsFromOneServerToThreeAndStepsPastASilentOne() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 1"])
            let one = try await wire.k8s("apply", "--yes")
            try #require(one.status == 0, "\(one.all)")
            try wire.write(pools: ["web": "nodes: 1"], servers: 3)
            let grown = try await wire.k8s("apply", "--yes")
            try #require(grown.status == 0, "\(grown.all)")
            #expect(try await wire.kubectl("get nodes", on: "wire-cp-n3") == "wire-cp-n1\nwire-cp-n2\nwire-cp-n3\nwire-web-n1")

            _ = try await wire.inside("wire-cp-n1", "systemctl stop k3s")
            // The others notice it within seconds, and elect another one.
            let waits = "for try in $(seq 1 60); do k3s kubectl get nodes && exit 0; sleep 1; done; exit 1"
            try #require(try await wire.inside("wire-cp-n2", waits).status == 0)
            let kubeconfig = try await wire.k8s("kubeconfig")
            let address = try await wire.inside("wire-cp-n2", "tailscale ip -4").out.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(kubeconfig.status == 0 && kubeconfig.out.contains("https://\(address):6443"), "\(kubeconfig.all)")
            let mended = try await wire.k8s("apply", "--yes")
            #expect(mended.status == 0, "\(mended.all)")
            #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-cp-n2\nwire-cp-n3\nwire-web-n1")
        }
    }

    /// The way into the cluster that each configuration names.
    private static func entrances(_ wire: Wire, _ names: [String]) async throws -> [String] {
        var found: [String] = []
        for name in names {
            found.append(try await wire.inside(name, "grep -E '^(server|cluster-init):' /etc/rancher/k3s/config.yaml || echo none").out)
        }
        return found
    }
}
