import FleetCore
import K3s
import Live
import Reconciler

extension Verb {
    static let status = Verb(
        name: "status", summary: "show VMs, nodes, versions and drift; changes nothing", operands: "[options]",
        options: Arguments.Option.common
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let place = try Workplace.open(arguments, terminal)
        let result = try await place.look(place.ledger(terminal))
        let document = StatusDocument(result, fleet: place.fleet)
        terminal.out(arguments.has("json") ? document.json : document.text)
        await place.world.close()
        return .done
    }
}

/// The fleet as it is, one value for text and JSON.
struct StatusDocument: Codable {
    var formatVersion = 1
    var cluster: String
    var settled: Bool
    var nodes: [Node]

    struct Node: Codable {
        var name: String
        var pool: String
        var vm: String
        var node: String
        var version: String
        var address: String
        var labels: [String: String]
        var taints: [String]
        /// The labels that we look after, by key; all of them are in `labels`.
        var managed: [String]
        /// What keeps the node from being settled; empty when nothing does.
        var drift: String
    }

    init(_ result: Reconciler.Result, fleet: DesiredFleet) {
        cluster = fleet.cluster.name
        settled = result.plan.isSettled
        nodes = result.plan.lines.map { Node($0, result.seen) }
    }

    var text: String {
        let header = ["NAME", "POOL", "VM", "NODE", "VERSION", "ADDRESS", "LABELS", "TAINTS", "DRIFT"]
        let rows = [header] + nodes.map(\.row)
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { $0.offset == row.count - 1 ? $0.element : $0.element.padded(to: widths[$0.offset]) }.joined(
                separator: "  ")
        }.joined(separator: "\n")
    }

    var json: String { prettyJSON }
}

extension StatusDocument.Node {
    fileprivate var row: [String] {
        let shown = managed.filter { $0 != "exedev.dev/pool" }.compactMap { key in labels[key].map { "\(key)=\($0)" } }
        return [
            name, pool, vm, node, version, address, Self.cell(shown.joined(separator: ",")), Self.cell(taints.joined(separator: ",")),
            Self.cell(drift),
        ]
    }

    private static func cell(_ text: String) -> String { text.isEmpty ? "-" : text }

    init(_ line: Plan.Line, _ seen: Observation) {
        (name, pool) = (line.node, line.pool)
        let reading = seen.node(line.node)
        vm = seen.vms?[line.node].map(\.status.words) ?? "absent"
        node = reading?.ready.words ?? "absent"
        version = reading?.version?.description ?? "-"
        address = reading?.internalIP ?? "-"
        labels = reading?.labels ?? [:]
        taints = reading?.taints.map(\.description) ?? []
        managed = (reading?.annotations[NodeShape.managedLabels] ?? "").split(separator: ",").map(String.init)
        drift =
            switch line.decision {
            case .settled: ""
            case .act(let action, let because): "\(action.step.words): \(because)"
            case .wait(let wait): "waits: \(wait.reason)"
            case .blocked(let block): "blocked: \(block.reason)"
            case .reported(let reason): reason
            }
    }
}
