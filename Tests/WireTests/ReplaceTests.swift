import Foundation
import TestSupport
import Testing

/// Nodes that are made again, on booted machines.
extension WireTests {
    @Test func replacesALostServerAndAnAgentOnDemand() async throws {
        try await Wire.run { wire in
            let names = ["wire-cp-n1", "wire-cp-n2", "wire-cp-n3", "wire-web-n1"]
            try wire.write(pools: ["web": "nodes: 1"], servers: 3)
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")
            let before = try wire.vms()

            // The founder and its disk are gone, and its member is not: nothing is done about it unasked.
            _ = try await wire.ctl("rm wire-cp-n1")
            let blocked = try await wire.k8s("apply", "--yes")
            #expect(blocked.status == 1 && blocked.all.contains("exedev-k8s replace wire-cp-n1"), "\(blocked.all)")
            try wire.write(pools: ["web": "nodes: 1"], policy: "replace: \"all\"", servers: 3)
            let mended = try await wire.k8s("apply", "--yes")
            try #require(mended.status == 0, "\(mended.all)")
            #expect(try await wire.kubectl("get nodes", on: "wire-cp-n2") == names.joined(separator: "\n"))
            #expect(
                try await wire.kubectl("get nodes", on: "wire-cp-n1") == names.joined(separator: "\n"), "it joined, and founded nothing")

            // Nobody asked, nothing is done; who asks for another name than there is hears so.
            let none = try await wire.k8s("replace", "wire-web-n2", "--yes")
            #expect(none.status == 1 && none.err.contains("did you mean wire-web-n1?"), "\(none.all)")
            let plan = try await wire.k8s("plan", "--replace", "wire-web-n1")
            #expect(plan.status == 2 && plan.out.contains("an operator wants it made again"), "\(plan.all)")
            let replaced = try await wire.k8s("replace", "wire-web-n1", "--yes")
            try #require(replaced.status == 0, "\(replaced.all)")
            #expect(try await wire.kubectl("get nodes") == names.joined(separator: "\n"))
            let after = try wire.vms()
            #expect(names.filter { before[$0]?.index != after[$0]?.index } == ["wire-cp-n1", "wire-web-n1"])
            let settled = try await wire.k8s("plan")
            // A VM that others removed leaves its device in the tailnet; one that we remove logs out first.
            #expect(settled.status == 0 && settled.out.contains("called wire-cp-n1-1") && !settled.out.contains("web"), "\(settled.all)")
        }
    }
}
