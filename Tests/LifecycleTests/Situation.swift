import K3s
import Testing

@testable import FleetCore

/// A settled fleet of a server, two web agents and a batch agent, in which a test changes what its row is about. No simulator: facts in, plan out.
struct Situation {
    var facts: FleetFacts

    static let (server, web, mate, old) = ("demo-cp-n1", "demo-web-n1", "demo-web-n2", "demo-old-n1")
    static let version = K3sVersion("v1.34.9+k3s1")!
    static let now = 10_000.0
    /// Of every configuration: what differs is said by the record alone.
    static let digest = "as asked"

    init(_ limits: String = "maxVMs: 10", probe: String? = nil) throws {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1},
             pools: {web: {nodes: 2, labels: {tier: "front"}, tags: ["team-a"], share: {port: 8080, public: true\(probe.map { ", probe: \($0)" } ?? "")}},
                     batch: {nodes: 1, isolated: true}}, limits: {\(limits)}, policy: {prune: true}}
            """
        let fleet = try #require(FleetFile.parse(text, file: "fleet.json").fleet)
        var ledger = Ledger(
            cluster: "demo", clusterID: "c1", clusterCIDR: fleet.cluster.clusterCIDR.description,
            serviceCIDR: fleet.cluster.serviceCIDR.description)
        (ledger.founder, ledger.caHash) = (Self.server, "ca")
        var (observed, reading) = (Observation(), ClusterReading())
        (reading.apiReady, reading.clusterID, reading.caHash) = (true, "c1", "ca")
        observed.vms = [:]
        for (number, node) in fleet.nodes.enumerated() {
            ledger.nodes[node.name] = .present(Self.instance(of: node))
            observed.vms?[node.name] = Self.vm(node.name, tags: [fleet.cluster.tag] + node.vm.tags)
            reading.nodes.append(Self.node(node, address: "100.64.0.\(number + 1)"))
        }
        observed.cluster = .read(reading)
        facts = FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: Self.now)
        (facts.uptime, facts.digest) = (Self.now, { _ in Self.digest })
    }

    static func instance(of node: DesiredNode) -> Instance {
        var instance = Instance(createdAt: "then")
        (instance.startedAt, instance.configuration) = (now - 5000, .digest(digest))
        instance.spec = node.vm
        instance.sharing = node.share.map(Sharing.known) ?? .notSet
        return instance
    }

    static func vm(_ name: String, _ status: ObservedVM.Status = .running, tags: [String] = ["fleet-demo"]) -> ObservedVM {
        ObservedVM(name: name, status: status, tags: tags, address: .init(host: "h", port: nil, user: nil), createdAt: "then", url: nil)
    }

    static func node(_ want: DesiredNode, address: String) -> NodeReading {
        var labels = want.labels
        if want.role == .server { labels["node-role.kubernetes.io/control-plane"] = "true" }
        return NodeReading(
            name: want.name, ready: .ready, version: version, internalIP: address, labels: labels,
            annotations: [NodePatch.managedLabels: want.labelKeys, NodePatch.managedTaints: want.taintKeys], taints: want.taints)
    }

    /// What a host says that is prepared for an agent; `isSetUp`: k3s is configured and runs.
    static func host(_ name: String = web, isSetUp: Bool = false, _ change: (inout ProbeFields) -> Void = { _ in }) -> ObservedHost {
        var fields = ProbeFields()
        (fields.hostname, fields.systemd, fields.overlay) = (name, "running", .up(address: "100.64.0.2"))
        (fields.binaryVersion, fields.binarySHA256, fields.hasInstaller, fields.clusterID) = (version, "sha", true, "c1")
        if isSetUp {
            fields.agent = UnitState(active: "active", sub: "running", enabled: true, restarts: 0)
            (fields.configHash, fields.settingsHash, fields.hasAgentData) = (digest, digest, true)
        }
        change(&fields)
        return .probed(HostProbe(fields))
    }

    // MARK: changes

    mutating func reading(_ change: (inout ClusterReading) -> Void) {
        guard case .read(var reading) = facts.observed.cluster else { return }
        change(&reading)
        facts.observed.cluster = .read(reading)
    }

    mutating func node(_ name: String = web, _ change: (inout NodeFields) -> Void) {
        reading { reading in
            guard let index = reading.nodes.firstIndex(where: { $0.name == name }) else { return }
            var fields = reading.nodes[index].value
            change(&fields)
            reading.nodes[index] = NodeReading(fields)
        }
    }

    mutating func withoutNode(_ name: String = web) { reading { $0.nodes.removeAll { $0.name == name } } }

    mutating func instance(_ name: String = web, _ change: (inout Instance) -> Void) { facts.ledger.change(name, change) }

    /// A VM of ours that no pool asks for, with its node; `stage`: how far its removal has come.
    mutating func unmanaged(
        _ stage: LeaveStage? = nil, named name: String = Self.old, hasNode: Bool = true, _ change: (inout Instance) -> Void = { _ in }
    ) {
        facts.observed.vms?[name] = Self.vm(name)
        var instance = Instance(createdAt: "then")
        instance.startedAt = Self.now - 5000
        change(&instance)
        facts.ledger.nodes[name] = stage.map { .leaving(instance, $0) } ?? .present(instance)
        guard hasNode else { return }
        let isOut = stage != nil
        reading { reading in
            reading.nodes.append(
                NodeReading(
                    name: name, ready: .ready, version: Self.version, internalIP: "100.64.0.9",
                    annotations: isOut ? [NodePatch.removing: "yes"] : [:], unschedulable: isOut))
        }
    }

    // MARK: what is decided

    func item(_ name: String) -> Plan.Item? { Planner.plan(facts).items.first { $0.node == name } }

    /// `act drain NotInFleetFile`, `wait BackOff`, `settled`; nil when the plan does not speak of the node.
    func decision(_ name: String) -> String? {
        guard let decision = item(name)?.decision else { return nil }
        let code = decision.reason?.code.rawValue ?? ""
        return switch decision {
        case .settled: "settled"
        case .act(let action, _): "act \(action.kind.rawValue) \(code)"
        case .wait: "wait \(code)"
        case .blocked: "blocked \(code)"
        case .reported: "left \(code)"
        }
    }
}

/// A line of a lifecycle's table.
struct Row: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var node: String
    var want: String?
    var arrange: @Sendable (inout Situation) -> Void

    init(_ name: String, of node: String = Situation.web, _ want: String?, _ arrange: @escaping @Sendable (inout Situation) -> Void) {
        (testDescription, self.node, self.want, self.arrange) = (name, node, want, arrange)
    }

    func check() throws {
        var situation = try Situation()
        arrange(&situation)
        #expect(situation.decision(node) == want)
    }
}
