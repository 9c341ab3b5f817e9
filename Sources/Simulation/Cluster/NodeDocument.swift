import Foundation

extension ClusterModel {
    /// `kubectl get nodes -o json`.
    func nodeList(now: Double) -> JSON {
        .object([
            ("apiVersion", "v1"), ("kind", "List"),
            ("items", .list(nodes.values.map { nodeDocument($0, now: now) })),
        ])
    }

    func nodeDocument(_ node: Node, now: Double) -> JSON {
        .object([
            ("apiVersion", "v1"), ("kind", "Node"), ("metadata", Self.metadata(node)), ("spec", spec(node, now: now)),
            ("status", status(node, now: now)),
        ])
    }

    private static func metadata(_ node: Node) -> JSON {
        .object(
            [
                ("name", .string(node.registration.name)), ("resourceVersion", .string("\(node.revision)")), ("labels", pairs(node.labels)),
                ("annotations", pairs(node.annotations)),
            ] + (node.isDeleting ? [("deletionTimestamp", "2026-01-01T00:00:00Z")] : []))
    }

    private func spec(_ node: Node, now: Double) -> JSON {
        var fields: [(String, JSON)] = [("podCIDR", .string("\(podNetwork).\(node.slot).0/24"))]
        if node.isUnschedulable { fields.append(("unschedulable", true)) }
        let taints = node.effectiveTaints(now: now).map { taint in
            JSON.object(
                [("key", .string(taint.key)), ("effect", .string(taint.effect))] + (taint.value.map { [("value", .string($0))] } ?? []))
        }
        if !taints.isEmpty { fields.append(("taints", .list(taints))) }
        return .object(fields)
    }

    private func status(_ node: Node, now: Double) -> JSON {
        let reason: JSON =
            switch node.condition(now: now) {
            case .ready: "KubeletReady"
            case .notReady: "KubeletNotReady"
            case .unknown: "NodeStatusUnknown"
            }
        return .object([
            (
                "addresses",
                .list([
                    .object([("address", .string(node.registration.address)), ("type", "InternalIP")]),
                    .object([("address", .string(node.registration.name)), ("type", "Hostname")]),
                ])
            ),
            (
                "conditions",
                .list(
                    [
                        .object([("type", "MemoryPressure"), ("status", "False"), ("reason", "KubeletHasSufficientMemory")]),
                        .object([("type", "Ready"), ("status", .string(node.readyStatus(now: now))), ("reason", reason)]),
                    ] + etcdCondition(node.registration.name))
            ),
            ("images", .list(Self.images)),
            ("nodeInfo", .object([("kubeletVersion", .string(node.registration.version)), ("architecture", "amd64")])),
        ])
    }

    /// A kubelet names up to 50 of them (its `nodeStatusMaxImages`), most of what learns of a node.
    private static let images = (1...50).map { number in
        let digest = String(repeating: String(number % 10), count: 64)
        return JSON.object([
            (
                "names",
                .strings([
                    "registry.example/team/service-\(number)@sha256:\(digest)", "registry.example/team/service-\(number):v1.\(number)",
                ])
            ),
            ("sizeBytes", .number(20_000_000 + number)),
        ])
    }

    /// `EtcdIsVoter`, whose healthy state is True (facts/k3s.md §8.4).
    private func etcdCondition(_ name: String) -> [JSON] {
        guard let member = etcd?.members[name] else { return [] }
        let (status, reason): (JSON, JSON) = member.isLearner ? ("False", "MemberIsLearner") : ("True", "MemberNotLearner")
        return [.object([("type", "EtcdIsVoter"), ("status", status), ("reason", reason)])]
    }

    private static func pairs(_ map: [String: String]) -> JSON {
        .object(map.keys.sorted().map { ($0, .string(map[$0]!)) })
    }
}
