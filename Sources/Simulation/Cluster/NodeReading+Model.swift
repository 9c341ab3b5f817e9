import K3s

extension ClusterModel.Node {
    /// No part of the Node: all are alike.
    struct Told: Sendable, Equatable {
        fileprivate var reading: NodeReading?
        fileprivate var condition = Condition.unknown

        static func == (one: Told, other: Told) -> Bool { true }
    }

    /// As the product reads it.
    mutating func reading(now: Double) -> NodeReading {
        let condition = condition(now: now)
        if let reading = told.reading, told.condition == condition { return reading }
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
            }, unschedulable: isUnschedulable, deleting: isDeleting)
        (told.reading, told.condition) = (reading, condition)
        return reading
    }
}
