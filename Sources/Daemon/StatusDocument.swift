package import FleetCore
import K3s
import Live

/// The fleet as it is: what `status --json` prints and `/status` answers.
package struct StatusDocument: Codable, Sendable {
    package var formatVersion = 2
    package var cluster: String
    package var settled: Bool
    /// When the fleet was observed: `2026-11-24T05:12:07.123Z`. Nil before the first observation.
    package var time: String?
    /// In words; absent while nobody holds the fleet (`exedev-k8s pause`).
    package var paused: String?
    package var conditions: [Condition]
    package var nodes: [Node]

    /// An item of the plan and the observation of its node.
    package struct Node: Codable, Sendable {
        package var name: String
        package var pool: String
        package var vm: String
        package var node: String
        package var version: String
        package var address: String
        package var labels: [String: String]
        package var taints: [String]
        /// The keys of the labels that the fleet file manages; all of them are in `labels`.
        package var managed: [String]
        /// Why the node is not settled (see docs/reasons.md), and the same in words; `text` is empty when it is settled.
        package var code: Reason.Code?
        package var text: String
    }

    /// For an observation without a daemon.
    package init(_ lastResult: LastResult) {
        self.init(
            cluster: lastResult.fleet.cluster.name, lastResult: lastResult, conditions: lastResult.conditions, pause: lastResult.pause)
    }

    /// Without a usable fleet file nothing is compared: `vm` and `text` say what exe.dev and the ledger know. `time`: seconds since 1970.
    package init(cluster: String, time: Double, problem: String, nodes: [(name: String, vm: String, text: String)]) {
        (self.cluster, settled, self.time) = (cluster, false, AuditRecord.time(time))
        conditions = [Condition(.settled, .unknown, "FleetFileRefused", problem)]
        self.nodes = nodes.map { node in
            Node(
                name: node.name, pool: "-", vm: node.vm, node: Node.unknown, version: "-", address: "-", labels: [:], taints: [],
                managed: [],
                code: nil, text: node.text)
        }
    }

    /// Whole seconds since the observation; nil when there was none.
    package func age(now: Double) -> Int? { time.flatMap(AuditRecord.seconds).map { max(0, Int(now - $0)) } }

    init(cluster: String, lastResult: LastResult?, conditions: [Condition], pause: FleetPause? = nil) {
        (self.cluster, self.conditions, paused) = (cluster, conditions, pause?.words)
        settled = conditions.contains { $0.type == .settled && $0.status == .yes }
        time = lastResult.map { AuditRecord.time($0.time) }
        nodes = lastResult.map { lastResult in lastResult.plan.items.map { Node($0, lastResult.observed) } } ?? []
    }
}

extension StatusDocument.Node {
    /// In place of what could not be read.
    package static let unknown = "unknown"

    init(_ line: Plan.Item, _ observed: Observation) {
        (name, pool) = (line.node, line.pool)
        let reading = observed.node(line.node)
        // What was not read is not absent.
        vm = observed.vms?[line.node].map(\.status.words) ?? (observed.vms == nil ? Self.unknown : "absent")
        node = reading?.ready.words ?? (observed.hasReadNodes ? "absent" : Self.unknown)
        version = reading?.version?.description ?? "-"
        address = reading?.internalIP ?? "-"
        labels = reading?.labels ?? [:]
        taints = reading?.taints.map(\.description) ?? []
        managed = (reading?.annotations[NodePatch.managedLabels] ?? "").split(separator: ",").map(String.init)
        (code, text) = (line.decision.reason?.code, line.decision.drift)
    }
}
