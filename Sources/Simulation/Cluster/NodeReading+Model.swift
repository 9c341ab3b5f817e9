import K3s

extension ClusterModel.Node {
    /// No part of the Node: all are alike.
    struct Told: Sendable, Equatable {
        fileprivate var reading: NodeReading?
        fileprivate var condition = Condition.unknown
        fileprivate var etcd: EtcdMembership?

        static func == (one: Told, other: Told) -> Bool { true }
    }

    /// As the product reads it.
    mutating func reading(now: Double, etcd: Etcd?) -> NodeReading {
        let condition = condition(now: now)
        let membership = etcd?.members[registration.name].map { $0.isLearner ? EtcdMembership.other("MemberIsLearner") : .voter }
        if let reading = told.reading, told.condition == condition, told.etcd == membership { return reading }
        let ready: Readiness =
            switch condition {
            case .ready: .ready
            case .notReady: .notReady(reason: "KubeletNotReady")
            case .unknown: .unknown
            }
        let reading = NodeReading(
            name: registration.name, ready: ready, version: K3sVersion(registration.version), internalIP: registration.address,
            labels: labels, annotations: annotations,
            taints: effectiveTaints(now: now).compactMap { taint in
                K3s.Taint.Effect(rawValue: taint.effect).map { K3s.Taint(key: taint.key, value: taint.value ?? "", effect: $0) }
            }, unschedulable: isUnschedulable, deleting: isDeleting, etcd: membership)
        (told.reading, told.condition, told.etcd) = (reading, condition, membership)
        return reading
    }
}
