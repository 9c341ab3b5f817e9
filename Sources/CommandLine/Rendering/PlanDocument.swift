import Digest
import FleetCore
import FoundationEssentials
import K3s
import Live
import Shell

/// A plan as JSON, for `--json` and `--out`. `formatVersion` is raised when a field changes its meaning or is removed; fields may be added.
struct PlanDocument: Codable {
    static let version = 2

    var formatVersion = PlanDocument.version
    var cluster: String
    /// Fingerprint of the fleet file, the cluster and the observation behind the plan: `apply FILE` refuses another.
    var basis: String
    /// Fingerprint of the fleet file alone; absent in plans of versions before November 2026.
    var fleetFile: String?
    var settled: Bool
    var summary: String
    /// In words; absent while nobody holds the fleet.
    var paused: String?
    /// Nodes that an operator wants to be made again; absent when there are none.
    var replace: [String]?
    var nodes: [Node]

    struct Node: Codable {
        var node: String
        var pool: String
        /// `settled`, `act`, `wait`, `blocked` or `reported`.
        var decision: String
        var step: String?
        var detail: String?
        /// Of the reason; see docs/reasons.md. Absent when the node is settled.
        var code: String?
        var text: String?
        var advice: String?
        /// Steps that follow the first one.
        var then: [String]
        /// With `--scripts`: the step's script, without secrets.
        var script: String?
    }

    /// What a plan of any format has.
    struct Header: Decodable {
        var formatVersion: Int
    }

    mutating func add(scripts: [String: String]) {
        for index in nodes.indices { nodes[index].script = scripts[nodes[index].node] }
    }

    init(_ plan: Plan, basis: String, fleetText: String, pause: FleetPause? = nil) {
        (cluster, fleetFile) = (plan.cluster, sha256Hex(fleetText))
        self.basis = basis
        settled = plan.isSettled
        (summary, paused) = (PlanText.summary(plan), pause?.words)
        nodes = plan.items.map(Node.init)
    }

    /// The steps that applying this document allows.
    var approval: [String: Set<StepKind>] {
        Dictionary(
            nodes.map { node in (node.node, Set(([node.step].compactMap { $0 } + node.then).compactMap(StepKind.init(rawValue:)))) },
            uniquingKeysWith: { $0.union($1) })
    }

    /// The fingerprint of the fleet file, the cluster, the decisions and the observed VMs.
    static func basis(of plan: Plan, observed: Observation, ledger: Ledger, fleetText: String) -> String {
        // Before anything was created, each run draws a new cluster id.
        let isFounded = ledger.founder != nil || !ledger.nodes.isEmpty
        var lines = [fleetText, isFounded ? ledger.clusterID : ""]
        for line in plan.items {
            let node = Node(line)
            // What a VM answers comes and goes, and there is nothing to approve in it.
            let decision = line.decision.reason?.isOfShareProbe == true ? "settled" : node.decision
            lines.append(
                [node.node, decision, node.step ?? "", node.detail ?? "", node.then.joined(separator: ",")].joined(separator: "|"))
        }
        for vm in (observed.vms ?? [:]).values.sorted(by: { $0.name < $1.name }) where ledger.nodes[vm.name] != nil {
            lines.append([vm.name, vm.createdAt ?? "", vm.tags.sorted().joined(separator: ",")].joined(separator: "|"))
        }
        return sha256Hex(lines.joined(separator: "\n"))
    }

    var json: String { prettyJSON }

    static func read(_ text: String, file: String) throws(Failure) -> PlanDocument {
        guard let header = try? JSONDecoder().decode(Header.self, from: Data(text.utf8)) else {
            throw Failure(
                "\(file) is not a plan", advice: "exedev-k8s plan --out makes one; a fleet file is applied with: apply --file \(file)")
        }
        guard header.formatVersion == version else {
            throw Failure(
                "\(file) has plan format \(header.formatVersion), this program knows \(version)", advice: "plan again with this program")
        }
        guard let document = try? JSONDecoder().decode(PlanDocument.self, from: Data(text.utf8)) else {
            throw Failure("\(file) is a plan that was cut or edited", advice: "plan again with this program")
        }
        let steps = document.nodes.flatMap { [$0.step].compactMap { $0 } + $0.then }
        if let unknown = steps.first(where: { StepKind(rawValue: $0) == nil }) {
            throw Failure(
                "\(file) has a step that this program does not know: \(OutsideText.line(unknown))", advice: "plan again with this program")
        }
        return document
    }
}

extension PlanDocument.Node {
    init(_ line: Plan.Item) {
        (node, pool, then) = (line.node, line.pool, line.then.map(\.rawValue))
        (code, text) = (line.decision.reason?.code.rawValue, line.decision.reason?.text)
        switch line.decision {
        case .settled: decision = "settled"
        case .act(let action, _): (decision, step, detail) = ("act", action.kind.rawValue, action.step.detail)
        case .wait: decision = "wait"
        case .blocked(let reason): (decision, advice) = ("blocked", reason.advice)
        case .reported: decision = "reported"
        }
    }
}
