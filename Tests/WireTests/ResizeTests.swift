import Foundation
import TestSupport
import Testing

extension WireTests {
    /// Another size of VMs that are there, on booted machines: a restart is a power cut of the container.
    @Test func resizesAPoolAndItsServer() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 2"])
            try #require(try await wire.k8s("apply", "--yes").status == 0)
            try wire.write(pools: ["web": "nodes: 2"], more: "defaults: { cpu: 4, disk: \"30GB\" },")
            let plan = try await wire.k8s("plan")
            #expect(plan.status == 2 && plan.out.contains("resize VM") && plan.out.contains("cpu 2 to 4, disk 20GB to 30GB"), "\(plan.all)")
            let boots = try await Self.boots(wire)
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")
            #expect(try await Set(Self.boots(wire)).isDisjoint(with: boots), "every machine was restarted")
            let restarts = wire.requests().filter { $0.hasPrefix("200 restart") }
            #expect(restarts.count == 3 && Set(restarts).count == 3, "\(wire.requests())")
            #expect(try await wire.ctl("ls -l").out.components(separatedBy: "\"allocated_cpus\":4").count == 4)
            // One agent of the pool after the other.
            let lines = apply.err.split(separator: "\n").filter { $0.contains("wire-web-n") }
            let order = ["cordon and drain done", "restart VM done", "uncordon done"].flatMap { words in
                lines.indices.filter { lines[$0].contains(words) }
            }
            #expect(order.count == 6 && order[0] < order[2] && order[2] < order[4] && order[4] < order[1], "\(apply.err)")
            #expect(try await !wire.kubectl("get nodes -o json").contains("unschedulable"))
            let again = try await wire.k8s("apply", "--yes")
            #expect(again.status == 0 && again.err.contains("Settled. 0 steps"), "\(again.all)")
            #expect(try await wire.k8s("plan").status == 0)
        }
    }

    private static func boots(_ wire: Wire) async throws -> [String] {
        var boots: [String] = []
        for name in ["wire-cp-n1", "wire-web-n1", "wire-web-n2"] {
            boots.append(try await wire.inside(name, "cut -d ' ' -f 22 /proc/1/stat").out)
        }
        return boots
    }
}
