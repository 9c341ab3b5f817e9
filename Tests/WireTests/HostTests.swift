import Foundation
import TestSupport
import Testing

extension WireTests {
    /// Hosts that are not as they should be, and keys that let none in.
    @Suite(.serialized) struct HostTests {
        private static func rewrite(_ wire: Wire, network: String) throws {
            let text = try String(contentsOfFile: wire.fleetFile, encoding: .utf8)
            try text.replacing(#"authKey: { env: "TS_AUTHKEY" }"#, with: #"authKey: { env: "TS_AUTHKEY" }, \#(network)"#)
                .write(toFile: wire.fleetFile, atomically: true, encoding: .utf8)
        }

        @Test func nothingIsCreatedWithoutWhatLetsItIn() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let key = try #require(wire.environment["TS_AUTHKEY"])
                let secret = key.replacing("tskey-auth-", with: "tskey-client-")
                for (value, words) in [("", "TS_AUTHKEY is not set"), (secret, "OAuth client secret")] {
                    wire.environment["TS_AUTHKEY"] = value
                    let apply = try await wire.k8s("apply", "--yes", "--timeout", "100")
                    #expect(apply.status == 1 && apply.all.contains(words), "\(apply.all)")
                }
                #expect(!wire.requests().contains { $0.contains(" new") })
                // The one that a single use lets in stays, the other one says what to do; an OAuth client lets it in.
                wire.environment["TS_AUTHKEY"] = key + "-once"
                let once = try await wire.k8s("apply", "--yes", "--timeout", "200")
                #expect(once.status == 1 && once.all.contains("make a reusable one"), "\(once.all)")
                wire.environment["TS_AUTHKEY"] = secret
                try Self.rewrite(wire, network: #"tags: ["tag:k3s"]"#)
                let apply = try await wire.k8s("apply", "--yes")
                #expect(apply.status == 0, "\(apply.all)")
                let validate = try await wire.exec("exedev-k8s", ["validate", wire.fleetFile])
                #expect(validate.status == 0 && !validate.all.contains("90 days"), "\(validate.all)")
            }
        }

        /// Returns when the cluster has not heard of them for its patience.
        private static func stop(_ names: [String], _ wire: Wire) async throws {
            for name in names { #expect(try await wire.inside(name, "systemctl stop k3s-agent").status == 0) }
            for name in names {
                let path = #"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#
                let ended = try await wire.inside(
                    "wire-cp-n1", "until [ \"$(k3s kubectl get node \(name) -o '\(path)')\" = Unknown ]; do sleep 0.5; done")
                #expect(ended.status == 0, "\(ended.all)")
            }
        }

        @Test func repairsWhatIsDownTogetherAndSaysWhatItCannot() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 2"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                let (one, other) = ("wire-web-n1", "wire-web-n2")
                try await Self.stop([one, other], wire)
                #expect(try await wire.inside(other, "hostname \(other).example.org").status == 0)
                let plan = try await wire.k8s("plan")
                #expect(plan.out.components(separatedBy: "install k3s").count == 3 && !plan.out.contains("limits."), "\(plan.all)")
                let apply = try await wire.k8s("apply", "--yes")
                #expect(apply.status == 0, "\(apply.all)")

                try await Self.stop([one], wire)
                #expect(try await wire.inside(one, "echo 'exedev ALL=(ALL) PASSWD:ALL' >/etc/sudoers.d/exedev").status == 0)
                let refused = try await wire.k8s("apply", "--yes", "--timeout", "100")
                #expect(refused.status == 1 && refused.all.contains("sudo: a password is required"), "\(refused.all)")
                #expect(refused.all.contains("NOPASSWD"), "\(refused.all)")
            }
        }

        @Test func imagesComeFromTheRegistriesOfTheFile() async throws {
            try await Wire.run { wire in
                wire.environment["REGISTRY_PASSWORD"] = #"a "long" pass\word"#
                try wire.write(pools: ["web": "nodes: 1"])
                let text = try String(contentsOfFile: wire.fleetFile, encoding: .utf8)
                let registries = #"""
                    registries: {
                      mirrors: { "docker.io": { endpoints: ["https://mirror.example"] } },
                      configs: { "mirror.example": { auth: { username: "robot", password: { env: "REGISTRY_PASSWORD" } } } },
                    },
                    """#
                try text.replacing("servers: 1,", with: "servers: 1, " + registries)
                    .write(toFile: wire.fleetFile, atomically: true, encoding: .utf8)
                let apply = try await wire.k8s("apply", "--yes")
                #expect(apply.status == 0, "\(apply.all)")
                let file = try await wire.inside(
                    "wire-web-n1", "cat /etc/rancher/k3s/registries.yaml; stat -c %a /etc/rancher/k3s/registries.yaml")
                #expect(file.out.contains(#"password: "a \"long\" pass\\word""#) && file.out.hasSuffix("\n600\n"), "\(file.all)")
                #expect(try await wire.k8s("plan").status == 0)
                // Another password is another configuration, and none is blocked by name.
                wire.environment["REGISTRY_PASSWORD"] = "another password"
                let plan = try await wire.k8s("plan", "--scripts")
                #expect(
                    plan.status == 2 && plan.out.contains("its configuration changed") && !plan.out.contains("another password"),
                    "\(plan.all)")
                wire.environment["REGISTRY_PASSWORD"] = nil
                let missing = try await wire.k8s("plan")
                #expect(missing.status == 2 && missing.out.contains("REGISTRY_PASSWORD is not set"), "\(missing.all)")
            }
        }
    }
}
