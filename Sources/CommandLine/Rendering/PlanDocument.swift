import Digest
import FleetCore
import FoundationEssentials
import K3s
import Live

/// A plan as JSON, for `--json` and `--out`. `formatVersion` is raised when a field changes its meaning or is removed; fields may be added.
struct PlanDocument: Codable {
    static let version = 1

    var formatVersion = PlanDocument.version
    var cluster: String
    /// Fingerprint of the fleet file, the cluster and the observation behind the plan: `apply FILE` refuses another.
    var basis: String
    var settled: Bool
    var summary: String
    var nodes: [Node]

    struct Node: Codable {
        var node: String
        var pool: String
        /// `settled`, `act`, `wait`, `blocked` or `reported`.
        var decision: String
        var step: String?
        var detail: String?
        var reason: String?
        var advice: String?
        /// Steps that follow the first one.
        var then: [String]
        /// With `--scripts`: the step's script, without secrets.
        var script: String?
    }

    mutating func add(scripts: [String: String]) {
        for index in nodes.indices { nodes[index].script = scripts[nodes[index].node] }
    }

    init(_ plan: Plan, basis: String) {
        cluster = plan.cluster
        self.basis = basis
        settled = plan.isSettled
        summary = PlanText.summary(plan)
        nodes = plan.lines.map(Node.init)
    }

    /// The steps that applying this document allows.
    var approval: [String: Set<Step>] {
        Dictionary(
            nodes.map { node in (node.node, Set(([node.step].compactMap { $0 } + node.then).compactMap(Step.init(rawValue:)))) },
            uniquingKeysWith: { $0.union($1) })
    }

    /// The fingerprint of the fleet file, the cluster, the decisions and the observed VMs.
    static func basis(of plan: Plan, seen: Observation, ledger: Ledger, fleetText: String) -> String {
        // Before anything was created, each run draws a new cluster id.
        let isFounded = ledger.founder != nil || !ledger.vms.isEmpty
        var lines = [fleetText, isFounded ? ledger.clusterID : ""]
        for line in plan.lines {
            let node = Node(line)
            lines.append(
                [node.node, node.decision, node.step ?? "", node.detail ?? "", node.then.joined(separator: ",")].joined(separator: "|"))
        }
        for vm in (seen.vms ?? [:]).values.sorted(by: { $0.name < $1.name }) where ledger.vms[vm.name] != nil {
            lines.append([vm.name, vm.createdAt ?? "", vm.tags.sorted().joined(separator: ",")].joined(separator: "|"))
        }
        return sha256Hex(lines.joined(separator: "\n"))
    }

    var json: String { prettyJSON }

    static func read(_ text: String, file: String) throws(Failure) -> PlanDocument {
        guard let document = try? JSONDecoder().decode(PlanDocument.self, from: Data(text.utf8)) else {
            throw Failure("\(file) is not a plan", advice: "make one with: exedev-k8s plan --out \(file)")
        }
        guard document.formatVersion == version else {
            throw Failure(
                "\(file) has plan format \(document.formatVersion), this program knows \(version)", advice: "plan again with this program")
        }
        return document
    }
}

extension PlanDocument.Node {
    init(_ line: Plan.Line) {
        (node, pool, then) = (line.node, line.pool, line.then.map(\.rawValue))
        switch line.decision {
        case .settled: decision = "settled"
        case .act(let action, let because):
            (decision, step, detail, reason) = ("act", action.step.rawValue, action.detail, because)
        case .wait(let wait): (decision, reason) = ("wait", wait.reason)
        case .blocked(let block): (decision, reason, advice) = ("blocked", block.reason, block.advice)
        case .reported(let text): (decision, reason) = ("reported", text)
        }
    }
}
