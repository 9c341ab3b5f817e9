import Foundation
import TestSupport
import Testing

extension WireTests.UpgradeTests {
    /// Three servers one by one, then three agents, two of them at a time, to the next minor.
    @Test func upgradesThreeServersAndThreeAgents() async throws {
        try await Wire.run { wire in
            let (pools, limits, new) = (["web": "nodes: 3"], "limits: { maxUnavailable: 2 },", "v1.35.4+k3s1")
            try wire.write(pools: pools, servers: 3, more: limits)
            let first = try await wire.k8s("apply", "--yes")
            try #require(first.status == 0, "\(first.all)")
            try wire.write(pools: pools, servers: 3, k3s: new, more: limits)
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")

            let (servers, agents) = ((1...3).map { "wire-cp-n\($0)" }, (1...3).map { "wire-web-n\($0)" })
            let turns = Turns(of: servers + agents, in: apply.err)
            #expect(turns.atOnce(servers) == 1 && turns.atOnce(agents) == 2, "\(turns)")
            #expect(servers.compactMap { turns.ends[$0] }.max()! < agents.compactMap { turns.begins[$0] }.min()!, "\(turns)")

            let nodes = try await wire.inside("wire-cp-n2", "k3s kubectl get nodes -o json").out
            #expect(nodes.matches(of: /"kubeletVersion" ?: ?"([^"]+)"/).map { String($0.1) } == Array(repeating: new, count: 6), "\(nodes)")
            #expect(!nodes.contains("unschedulable"), "\(nodes)")
            let status = try await wire.k8s("status", "--live")
            #expect(status.status == 0 && status.out.matches(of: /v1\.35\.4\+k3s1 +100\./).count == 6, "\(status.all)")
            let plan = try await wire.k8s("plan")
            #expect(plan.status == 0 && plan.out.contains("No changes"), "\(plan.all)")
        }
    }

    /// From which line of a run's output to which each node is out of service.
    private struct Turns: CustomStringConvertible {
        private(set) var begins: [String: Int] = [:]
        private(set) var ends: [String: Int] = [:]

        init(of nodes: [String], in output: String) {
            for (number, line) in output.split(separator: "\n").enumerated() {
                guard let node = nodes.first(where: { line.contains($0 + " ") }) else { continue }
                if line.contains("cordon and drain: "), begins[node] == nil { begins[node] = number }
                if line.contains("uncordon done") { ends[node] = number }
            }
        }

        /// The most of these that are out at the same time; nil when one of them never was, or never came back.
        func atOnce(_ nodes: [String]) -> Int? {
            let turns = nodes.compactMap { node in begins[node].flatMap { begin in ends[node].map { (begin, $0) } } }
            guard turns.count == nodes.count else { return nil }
            return turns.map { turn in turns.count { $0.0 <= turn.0 && turn.0 < $0.1 } }.max()
        }

        var description: String { "begins \(begins), ends \(ends)" }
    }
}
