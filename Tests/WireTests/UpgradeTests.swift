import Foundation
import TestSupport
import Testing

extension WireTests {
    /// Another release of k3s on booted machines.
    @Suite(.serialized) struct UpgradeTests {
        private static let (new, limits) = ("v1.34.10+k3s1", "limits: { maxUnavailable: \"50%\" },")

        @Test func upgradesServersThenAgentsInWaves() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 3"], more: Self.limits)
                try #require(try await wire.k8s("apply", "--yes").status == 0)
                try wire.write(pools: ["web": "nodes: 3"], k3s: Self.new, more: Self.limits)
                let plan = try await wire.k8s("plan")
                #expect(plan.status == 2 && plan.out.contains("stage k3s") && plan.out.contains("cordon and drain"), "\(plan.all)")
                let apply = try await wire.k8s("apply", "--yes")
                try #require(apply.status == 0, "\(apply.all)")
                try await Self.expectRunning(wire, [Self.new, Self.new, Self.new, Self.new])
                #expect(try await wire.inside("wire-cp-n1", "k3s kubectl get nodes -o json").out.contains("unschedulable") == false)
                let order = ["take snapshot done", "upgrade k3s done", "uncordon done"].map { words in
                    apply.err.split(separator: "\n").firstIndex { $0.contains("wire-cp-n1 ") && $0.contains(words) } ?? -1
                }
                let agent =
                    apply.err.split(separator: "\n").firstIndex { $0.contains("wire-web-n") && $0.contains("cordon and drain: ") } ?? -1
                #expect(order == order.sorted() && order[0] >= 0 && order[2] < agent, "\(apply.err)")
                let copies = try FileManager.default.contentsOfDirectory(atPath: wire.state + "/wire/snapshots")
                #expect(copies.count == 1 && copies[0].hasSuffix("-wire-cp-n1-v1.34.9+k3s1.tar.gz"), "\(copies)")
                let list = ["tar", "-tzf", wire.state + "/wire/snapshots/" + copies[0]]
                #expect(try await ChildProcess(list, environment: wire.environment, folder: wire.folder).ended().out.contains("db/"))
                #expect(try await wire.k8s("plan").status == 0)
            }
        }

        private static func expectRunning(_ wire: Wire, _ versions: [String]) async throws {
            let status = try await wire.k8s("status", "--live")
            #expect(status.out.matches(of: /(v1\.[0-9.]+\+k3s1) +100\./).map { String($0.1) } == versions, "\(status.all)")
        }

        @Test func stopsAtTheFirstThatFailsAndPutsTheFormerBack() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 2"])
                try #require(try await wire.k8s("apply", "--yes").status == 0)
                let fault = "mkdir -p /etc/exedev-sim; echo \(Self.new) >/etc/exedev-sim/broken-release"
                #expect(try await wire.inside("wire-web-n1", fault).status == 0)
                try wire.write(pools: ["web": "nodes: 2"], k3s: Self.new)
                let apply = try await wire.k8s("apply", "--yes")
                #expect(apply.status == 1 && apply.all.contains("this release does not run here"), "\(apply.all)")
                try await Self.expectRunning(wire, [Self.new, "v1.34.9+k3s1", "v1.34.9+k3s1"])
                #expect(try await wire.inside("wire-cp-n1", "k3s kubectl get node wire-web-n1 -o json").out.contains("unschedulable"))
                // Mended, an operator's next run goes on with it.
                #expect(try await wire.inside("wire-web-n1", "rm /etc/exedev-sim/broken-release").status == 0)
                let next = try await wire.k8s("apply", "--yes")
                #expect(next.status == 0, "\(next.all)")
                try await Self.expectRunning(wire, [Self.new, Self.new, Self.new])
            }
        }
    }
}
