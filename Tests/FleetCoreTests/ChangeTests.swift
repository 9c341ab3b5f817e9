import Foundation
import K3s
import Testing

@testable import FleetCore

/// A fleet stands as a file asks. Each field of the schema is changed in turn: the plan acts, or says why it cannot, or `docs/changes.md` names the
/// field among those that are no matter of what stands there. Never silence.
@Suite struct ChangeTests {
    let schema: JSONSchema
    /// As the page names them.
    let listed: [String]

    init() throws {
        schema = JSONSchema(try JSON(parsing: FleetSchema.json))
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/changes.md")
        let table = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "## Fields that change nothing there").last ?? ""
        listed = table.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { String($0.split(separator: "`")[1]) }
    }

    @Test func noChangeIsMetWithSilence() throws {
        for field in schema.fields() where !isSection(field) {
            let answers = try answers(to: field)
            #expect(!answers.isEmpty || listed.contains(field.path), "\(field): no two values of it are known to this test")
            // There is no way back to sqlite.
            for (change, plan) in answers where !listed.contains(field.path) && !change.contains("etcd\" →") {
                #expect(!Self.isSilent(plan), "\(field): \(change)")
            }
        }
    }

    @Test func theListIsOfFieldsThatExistAndChangeNothing() throws {
        #expect(listed.count > 5)
        for path in listed {
            let field = try #require(schema.fields().first { $0.path == path }, "\(path) is no field")
            for (change, plan) in try answers(to: field) { #expect(Self.isSilent(plan), "\(field): \(change)") }
        }
    }

    /// What is left alone is said.
    private static func isSilent(_ plan: Plan) -> Bool { plan.items.allSatisfy { $0.decision == .settled } }

    private func isSection(_ field: SchemaField) -> Bool { field.schema["properties"] != nil || field.path == "pools" }

    /// What is planned for each change from one good value of the field to another one, to none, and from none.
    private func answers(to field: SchemaField) throws -> [(change: String, Plan)] {
        let values: [JSON?] = [nil] + values(of: field)
        let fleets = values.compactMap { value -> (JSON?, DesiredFleet)? in
            FleetFile.parse("\(document(field, value))", file: "f").fleet.map { (value, $0) }
        }
        return fleets.flatMap { from, before in
            fleets.filter { $0.1 != before }.map { to, after in
                ("\(from.map { "\($0)" } ?? "none") → \(to.map { "\($0)" } ?? "none")", Planner.plan(Self.standing(before, asked: after)))
            }
        }
    }

    /// With an agent, so that what concerns agents alone concerns one.
    private func document(_ field: SchemaField, _ value: JSON?) -> JSON {
        var members = schema.document(field.steps, value).members
        if members["pools"] == nil { members["pools"] = .object(["web": .object(["nodes": .integer(1)])]) }
        if case .object(var pools)? = members["pools"], case .object(var web)? = pools["web"], field.path != "pools.web.nodes" {
            web["nodes"] = .integer(1)
            pools["web"] = .object(web)
            members["pools"] = .object(pools)
        }
        return Self.whole(.object(members))
    }

    /// A user has a password, and a certificate a key.
    private static func whole(_ json: JSON) -> JSON {
        guard case .object(var members) = json else { return json }
        for (name, value) in members { members[name] = whole(value) }
        let secret = JSON.object(["env": .string("SECRET")])
        for (one, other) in [("auth", ("username", "password")), ("tls", ("cert", "key"))] {
            guard case .object(var fields)? = members[one] else { continue }
            let filler = [other.0: other.0 == "username" ? JSON.string("u") : secret, other.1: secret]
            if (fields[other.0] == nil) != (fields[other.1] == nil) { fields.merge(filler) { given, _ in given } }
            members[one] = .object(fields)
        }
        return .object(members)
    }

    private func values(of field: SchemaField) -> [JSON] {
        let name = field.path.split(separator: ".").last.map(String.init) ?? ""
        if let values = Self.values[field.path] ?? Self.values[name] { return values }
        let shown = field.shown.filter { $0 != .array([]) && $0 != .object([:]) }
        if field.schema["type"]?.text == "boolean" { return [.bool(true), .bool(false)] }
        if field.path.contains("Config.") { return [.string("a"), .string("b")] }
        return shown
    }

    /// Where the schema does not show two values.
    private static let values: [String: [JSON]] = [
        "name": [.string("demo"), .string("other")], "k3s": [.string("v1.34.9+k3s1"), .string("v1.34.10+k3s1"), .string("v1.33.1+k3s1")],
        "upgradePath": [.array([.string("v1.33.4+k3s1")]), .array([.string("v1.34.8+k3s1")])],
        "clusterCIDR": [.string("10.244.0.0/16"), .string("10.100.0.0/16")],
        "serviceCIDR": [.string("10.245.0.0/16"), .string("10.101.0.0/16")],
        "image": [.string("exeuntu"), .string("debian")], "memory": [.string("4GB"), .string("8GB")],
        "disk": [.string("20GB"), .string("40GB")], "cpu": [.integer(2), .integer(4)],
        "nodes": [.integer(0), .integer(1), .integer(2)], "vmPrefix": [.string("shop-web"), .string("shop-api")],
        "project": [.string("shop"), .string("mail")], "task": [.string("nightly"), .string("daily")],
        "port": [.integer(80), .integer(8080)], "users": [.array([.string("a@example.org")]), .array([.string("b@example.org")])],
        "users[0]": [.string("a@example.org"), .string("b@example.org")],
        "tags": [.array([.string("a")]), .array([.string("a"), .string("b")])], "tags[0]": [.string("a"), .string("b")],
        "labels": [.object(["a": .string("1")]), .object(["a": .string("2")]), .object(["b": .string("2")])],
        "taints": [.array([.string("a:NoSchedule")]), .array([.string("a:NoExecute")])],
        "key": [.string("a"), .string("b")], "value": [.string("a"), .string("b")],
        "disable": [.array([.string("traefik")]), .array([.string("servicelb")])],
        "cluster-dns": [.string("10.245.0.10"), .string("10.245.0.20")], "flannel-backend": [.string("none"), .string("vxlan")],
        "cluster-domain": [.string("cluster.local"), .string("example.org")],
        "service-node-port-range": [.string("30000-32767"), .string("30000-40000"), .string("20000-22767")],
        "env": [.string("TS_AUTHKEY"), .string("OTHER")], "file": [.string("a"), .string("b")],
        "keyFile": [.string("a"), .string("b")], "user": [.string("a"), .string("b")],
        "cluster.registries.mirrors": [Self.mirror("https://a.example"), Self.mirror("https://b.example")],
        "cluster.registries.configs": [Self.login("a"), Self.login("b")],
        "endpoints": [.array([.string("https://a.example")]), .array([.string("https://b.example")])],
        "rewrites": [.object(["^a": .string("b")]), .object(["^a": .string("c")])], "username": [.string("a"), .string("b")],
        "path": [.string("/healthz"), .string("/ready?full=1")],
        "cluster.servers": [.integer(1), .integer(3), .integer(5)], "cluster.servers.nodes": [.integer(1), .integer(3), .integer(5)],
        "$schema": [.string("./fleet.schema.json"), .string("./other.json")],
    ]

    private static func mirror(_ url: String) -> JSON { .object(["docker.io": .object(["endpoints": .array([.string(url)])])]) }

    private static func login(_ user: String) -> JSON {
        let password = JSON.object(["env": .string("SECRET")])
        return .object(["docker.io": .object(["auth": .object(["username": .string(user), "password": password])])])
    }

    /// What stands there is as `before` asks, and `after` is the file now.
    private static func standing(_ before: DesiredFleet, asked after: DesiredFleet) -> FleetFacts {
        let cluster = before.cluster
        var ledger = Ledger(cluster: cluster.name, clusterID: "c1", clusterCIDR: "", serviceCIDR: "").ranged(as: cluster)
        (ledger.founder, ledger.caHash) = (before.nodes[0].name, "ca")
        var (observed, reading) = (Observation(), ClusterReading())
        (reading.apiReady, reading.clusterID, reading.caHash, observed.vms) = (true, "c1", "ca", [:])
        for (number, node) in before.nodes.enumerated() {
            reading.nodes.append(Self.node(node, cluster.datastore, address: "100.64.0.\(number + 1)"))
        }
        observed.cluster = .read(reading)
        for question in before.nodes.compactMap(\.question) { observed.answers[question] = .status(question.probe.status) }
        for node in before.nodes { observed.vms?[node.name] = Self.vm(node, cluster.tag) }
        for node in before.nodes {
            var facts = FleetFacts(fleet: before, observed: observed, ledger: ledger, now: 10_000)
            facts.digest = { $0 }
            ledger.nodes[node.name] = .present(Self.instance(of: node, facts))
        }
        var facts = FleetFacts(fleet: after, observed: observed, ledger: ledger, now: 10_000)
        (facts.uptime, facts.digest) = (10_000, { $0 })
        return facts
    }

    private static func instance(of node: DesiredNode, _ facts: FleetFacts) -> Instance {
        var instance = Instance(createdAt: "then")
        (instance.startedAt, instance.spec) = (5000, node.vm)
        instance.sharing = node.share.map(Sharing.known) ?? .notSet
        instance.isServer = node.role == .server
        let address = facts.observed.node(node.name)?.internalIP ?? ""
        if case .install(let step) = facts.install(node, overlay: address) { instance.configuration = .digest(step.digest) }
        return instance
    }

    private static func vm(_ node: DesiredNode, _ tag: String) -> ObservedVM {
        var vm = ObservedVM(
            name: node.name, status: .running, tags: [tag] + node.vm.tags, address: .init(host: "h", port: nil, user: nil),
            createdAt: "then", url: nil)
        vm.comment = node.vm.comment ?? ""
        return vm
    }

    private static func node(_ want: DesiredNode, _ datastore: Datastore, address: String) -> NodeReading {
        var labels = want.labels
        if want.role == .server { labels["node-role.kubernetes.io/control-plane"] = "true" }
        return NodeReading(
            name: want.name, ready: .ready, version: want.k3s, internalIP: address, labels: labels,
            annotations: [NodePatch.managedLabels: want.labelKeys, NodePatch.managedTaints: want.taintKeys], taints: want.taints,
            etcd: want.role == .server && datastore == .etcd ? .voter : nil)
    }

    /// Else the test above could not fail.
    @Test func whatStandsAsItIsAskedIsSettled() throws {
        for field in schema.fields() where !isSection(field) {
            for value in values(of: field) {
                guard let fleet = FleetFile.parse("\(document(field, value))", file: "f").fleet else { continue }
                #expect(Planner.plan(Self.standing(fleet, asked: fleet)).isSettled, "\(field): \(value)")
            }
        }
    }
}
