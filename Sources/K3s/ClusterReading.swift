import FoundationEssentials
import Shell

/// What a server said of its cluster in one round trip.
package struct ClusterReading: Sendable, Hashable {
    package var hostname = ""
    package var unit: UnitState?
    package var apiReady = false
    /// Why the API did not answer.
    package var reason: String?
    package var caHash: String?
    /// The mark of the ledger that set the server up.
    package var clusterID: String?
    package var nodes: [NodeReading] = []
    /// Plans of Rancher's system-upgrade-controller, `NAMESPACE/NAME`, three at most.
    package var upgradePlans: [String] = []
    /// The members of etcd as it lists them itself, by the names of their nodes, sorted; nil where it has none, or could not be asked.
    package var members: [String]?

    package init() {}

    package static func parse(_ output: String) throws(ReadingError) -> ClusterReading {
        var reading = ClusterReading()
        for (key, value) in try Sections.fields(of: output, named: "cluster") {
            switch key {
            case "hostname": reading.hostname = OutsideText.line(value)
            case "unit": reading.unit = UnitState(value)
            case "ca": reading.caHash = value
            case "cluster": reading.clusterID = value
            case "reason": reading.reason = OutsideText.line(value, keeping: .end)
            case "nodes": reading.nodes = try nodes(value, output)
            case "upgrade-plan": reading.upgradePlans.append(OutsideText.line(value, limit: 130))
            case "members": reading.members = members(value)
            case "ready": reading.apiReady = value == "yes"
            default: break
            }
        }
        guard !reading.hostname.isEmpty else { throw ReadingError("the cluster's answer has no hostname", in: output) }
        return reading
    }

    /// etcd answers a GET of `/members` at its peers' port with a list. One that has not started has no name; k3s adds a dash and eight
    /// digits to that of the node (facts/k3s.md §5.1, §5.3).
    private static func members(_ json: String) -> [String]? {
        struct Member: Decodable { var name: String? }
        guard let members = try? JSONDecoder().decode([Member].self, from: Data(json.utf8)), !members.isEmpty else { return nil }
        return members.map { member in
            let name = OutsideText.line(member.name ?? "")
            return name.isEmpty ? "a member without a name" : name.utf8.count > 9 ? String(name.dropLast(9)) : name
        }.sorted()
    }

    private static func nodes(_ json: String, _ output: String) throws(ReadingError) -> [NodeReading] {
        do {
            return try JSONDecoder().decode(NodeList.self, from: Data(json.utf8)).items.map(NodeReading.init)
        } catch {
            throw ReadingError("kubectl's list of nodes was not understood: \(plainWords(of: error))", in: json)
        }
    }
}

/// A Kubernetes node, as far as the product cares.
package typealias NodeReading = Shared<NodeFields>

/// What a `NodeReading` holds.
package struct NodeFields: Sendable, Hashable {
    package var name: String
    package var ready: Readiness
    package var version: K3sVersion?
    package var internalIP: String?
    package var labels: [String: String] {
        didSet { isControlPlane = labels[Self.controlPlaneLabel] != nil }
    }
    package var annotations: [String: String]
    package var taints: [Taint]
    package var unschedulable: Bool
    package var deleting: Bool
    /// Of its member of etcd, by the condition `EtcdIsVoter`; nil for a node that has none.
    package var etcd: EtcdMembership?

    /// k3s runs there as a server.
    package private(set) var isControlPlane: Bool

    private static let controlPlaneLabel = "node-role.kubernetes.io/control-plane"

    package init(
        name: String, ready: Readiness, version: K3sVersion?, internalIP: String?, labels: [String: String],
        annotations: [String: String], taints: [Taint], unschedulable: Bool, deleting: Bool
    ) {
        (self.name, self.ready, self.version, self.internalIP) = (name, ready, version, internalIP)
        (self.labels, self.annotations, self.taints) = (labels, annotations, taints)
        (self.unschedulable, self.deleting) = (unschedulable, deleting)
        isControlPlane = labels[Self.controlPlaneLabel] != nil
    }
}

extension NodeReading {
    package init(
        name: String, ready: Readiness, version: K3sVersion?, internalIP: String?, labels: [String: String] = [:],
        annotations: [String: String] = [:], taints: [Taint] = [], unschedulable: Bool = false, deleting: Bool = false,
        etcd: EtcdMembership? = nil
    ) {
        var fields = NodeFields(
            name: name, ready: ready, version: version, internalIP: internalIP, labels: labels, annotations: annotations,
            taints: taints, unschedulable: unschedulable, deleting: deleting)
        fields.etcd = etcd
        self.init(fields)
    }
}

package enum EtcdMembership: Sendable, Hashable {
    case voter
    /// It learns, it is unhealthy, or it is none any more: in k3s's word.
    case other(String)
}

package enum Readiness: Sendable, Hashable {
    case ready
    case notReady(reason: String)
    /// No word from the kubelet for about 40 s.
    case unknown

    package var words: String {
        switch self {
        case .ready: "ready"
        case .notReady(let reason): "not ready (\(reason))"
        case .unknown: "silent"
        }
    }
}

private struct NodeList: Decodable {
    var items: [Item]

    struct Item: Decodable {
        var metadata: Metadata
        var spec: Spec?
        var status: Status?
    }
    struct Metadata: Decodable {
        var name: String
        var labels: [String: String]?
        var annotations: [String: String]?
        var deletionTimestamp: String?
    }
    struct Spec: Decodable {
        var taints: [TaintItem]?
        var unschedulable: Bool?
    }
    struct TaintItem: Decodable {
        var key: String
        var value: String?
        var effect: String
    }
    struct Status: Decodable {
        var conditions: [Condition]?
        var addresses: [Address]?
        var nodeInfo: NodeInfo?
    }
    struct Condition: Decodable {
        var type: String
        var status: String
        var reason: String?
        var message: String?
    }
    struct Address: Decodable {
        var type: String
        var address: String
    }
    struct NodeInfo: Decodable { var kubeletVersion: String? }
}

extension NodeReading {
    fileprivate init(_ item: NodeList.Item) {
        let condition = item.status?.conditions?.first { $0.type == "Ready" }
        let ready: Readiness =
            switch condition?.status {
            case "True": .ready
            case "False": .notReady(reason: OutsideText.line(Self.words(of: condition)))
            case nil: .notReady(reason: "it has no conditions yet")
            default: .unknown
            }
        // A dual-stack node may name its IPv6 address first; the overlay is IPv4.
        let addresses = item.status?.addresses?.filter { $0.type == "InternalIP" }.map(\.address) ?? []
        self.init(
            name: item.metadata.name, ready: ready, version: item.status?.nodeInfo?.kubeletVersion.flatMap(K3sVersion.init),
            internalIP: addresses.first { !$0.contains(":") } ?? addresses.first, labels: item.metadata.labels ?? [:],
            annotations: item.metadata.annotations ?? [:],
            taints: (item.spec?.taints ?? []).compactMap { taint in
                Taint.Effect(rawValue: taint.effect).map { Taint(key: taint.key, value: taint.value ?? "", effect: $0) }
            },
            unschedulable: item.spec?.unschedulable ?? false, deleting: item.metadata.deletionTimestamp != nil,
            etcd: item.status?.conditions?.first { $0.type == "EtcdIsVoter" }.map(Self.membership))
    }

    /// Healthy is True, unlike with the kubelet's own (facts/k3s.md §8.4).
    private static func membership(_ condition: NodeList.Condition) -> EtcdMembership {
        condition.status == "True" ? .voter : .other(OutsideText.line(condition.reason ?? "no reason given"))
    }

    /// The kubelet's own message tells what it lacks.
    private static func words(of condition: NodeList.Condition?) -> String {
        let words = [condition?.reason, condition?.message].compactMap { $0 }.filter { !$0.isEmpty }
        return words.isEmpty ? "no reason given" : words.joined(separator: ": ")
    }
}
