import Foundation
import TestSupport
import Testing

extension Wire {
    private var socket: String { state + "/wire/daemon.sock" }

    /// What the daemon of a settled fleet of one server says of it, to curl and to `status`.
    func expectEndpoint() async throws {
        #expect(try await ask("/healthz") == "ok\n")
        #expect(try await ask("/readyz") == "ok\n")
        let metrics = try await ask("/metrics")
        for line in [
            "exedev_k8s_desired_nodes{pool=\"servers\"} 1", "exedev_k8s_observed_nodes{pool=\"servers\"} 1",
            "exedev_k8s_ready_nodes{pool=\"servers\"} 1", "exedev_k8s_effects_total{kind=\"createVM\",result=\"done\"} 1",
            "exedev_k8s_vm_budget_used 1", "exedev_k8s_leader 0", "exedev_k8s_workqueue_depth 0", "exedev_k8s_ssh_sessions 1",
            "exedev_k8s_breaker_open 0", "exedev_k8s_reconcile_errors_total 0", "# EOF",
        ] {
            #expect(metrics.contains("\n\(line)\n"), "\(line): \(metrics)")
        }
        #expect(try value(metrics, "exedev_k8s_api_requests_total") >= requests().count { $0.hasPrefix("200 new") })
        #expect(!metrics.contains("wire-cp-n1"))
        try await expectStatus()
    }

    private struct Status: Decodable {
        struct Condition: Decodable {
            var type: String
            var status: String
            var lastTransitionTime: String?
            var observedGeneration: Int?
        }
        struct Node: Decodable { var name: String }
        var settled: Bool
        var conditions: [Condition]
        var nodes: [Node]

        func status(of type: String) -> String? { conditions.first { $0.type == type }?.status }
    }

    /// `status` uses a running daemon, without a request to exe.dev; with `--live` it observes itself.
    private func expectStatus() async throws {
        let answer = try JSONDecoder().decode(Status.self, from: Data(try await ask("/status").utf8))
        #expect(answer.settled && answer.nodes.map(\.name) == ["wire-cp-n1"])
        let statusRun = try await k8s("status", "--json")
        #expect(statusRun.status == 0 && statusRun.err.contains("from the daemon, observed"), "\(statusRun.all)")
        let status = try JSONDecoder().decode(Status.self, from: Data(statusRun.out.utf8))
        #expect(status.status(of: "Settled") == "True" && status.status(of: "BreakerOpen") == "False", "\(statusRun.out)")
        #expect(status.conditions.allSatisfy { $0.lastTransitionTime != nil && $0.observedGeneration == 1 }, "\(statusRun.out)")
        let table = try await k8s("status")
        #expect(table.status == 0 && table.out.contains("wire-cp-n1") && table.out.contains("DRIFT"), "\(table.all)")
        let live = try await k8s("status", "--json", "--live")
        #expect(live.status == 0 && !live.err.contains("daemon"), "\(live.all)")
        let observed = try JSONDecoder().decode(Status.self, from: Data(live.out.utf8))
        #expect(observed.status(of: "Settled") == "True" && observed.status(of: "Progressing") == nil, "\(live.out)")
    }

    func expectNoEndpoint() async throws {
        #expect(!FileManager.default.fileExists(atPath: socket))
        let status = try await k8s("status")
        #expect(status.status == 0 && status.err.contains("no daemon runs") && status.out.contains("wire-cp-n1"), "\(status.all)")
        for words in [["--listen", "0.0.0.0:9477"], ["--allow-user", "usr1"], ["--listen", "9477"]] {
            let refused = try await exec("exedev-k8s", ["daemon", "--file", fleetFile, "--state", state] + words)
            #expect(refused.status == 64, "\(words): \(refused.all)")
        }
    }

    func ask(_ path: String) async throws -> String {
        let words = ["curl", "-sS", "--max-time", "10", "--unix-socket", socket, "http://daemon" + path]
        let ended = try await ChildProcess(words, environment: environment, folder: folder).ended()
        #expect(ended.status == 0, "\(path): \(ended.all)")
        return ended.out
    }

    /// Over all labels.
    private func value(_ metrics: String, _ name: String) throws -> Int {
        let lines = metrics.split(separator: "\n").filter { $0.hasPrefix(name + "{") || $0.hasPrefix(name + " ") }
        return try lines.reduce(0) { try $0 + #require($1.split(separator: " ").last.flatMap { Int($0) }) }
    }
}
