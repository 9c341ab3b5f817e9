import K3s

/// A Kubernetes cluster as k3s keeps one: who may join, which nodes there are and how they are. A value, with time as a parameter;
/// the stand-in `k3s` serves it over TCP, the in-memory world holds it in a variable, so the two cannot disagree.
package struct ClusterModel: Codable, Sendable, Equatable {
    package struct Taint: Codable, Sendable, Hashable {
        package var key: String
        package var value: String?
        package var effect: String
        /// Kept only as far as a client sends it back.
        package var timeAdded: String?

        package init(key: String, value: String?, effect: String) {
            (self.key, self.value, self.effect) = (key, value, effect)
        }
    }

    package struct Node: Codable, Sendable, Equatable {
        package var registration: Registration
        package var labels: [String: String]
        package var annotations: [String: String] = [:]
        package var taints: [Taint]
        package var isUnschedulable = false
        /// Its /24 of the cluster's CIDR.
        package var slot: Int
        package var heartbeat: Double
        package var isKubeletReady = false
        /// `resourceVersion`: raised by every write.
        var revision = 1
        /// Its deletion waits for etcd to let its member go.
        package var isDeleting = false
        /// What the product was last told of it, while that is still so but for its condition.
        var told = Told()

        private enum CodingKeys: String, CodingKey {
            case registration, labels, annotations, taints, isUnschedulable, slot, heartbeat, isKubeletReady, isDeleting, revision
        }
    }

    /// What a node says of itself when k3s starts there.
    package struct Registration: Codable, Sendable, Equatable {
        package var name: String
        package var isServer: Bool
        package var address: String
        package var version: String
        package var labels: [String: String]
        package var taints: [Taint]
        /// The arguments it runs with, secrets left out: `k3s.io/node-args`.
        package var arguments: [String]

        package init(
            name: String, isServer: Bool, address: String, version: String, labels: [String: String] = [:], taints: [Taint] = [],
            arguments: [String] = []
        ) {
            (self.name, self.isServer, self.address, self.version) = (name, isServer, address, version)
            (self.labels, self.taints, self.arguments) = (labels, taints, arguments)
        }
    }

    package struct Refusal: Error, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// The certificate that names the cluster, byte for byte as it is on disk.
    package private(set) var certificate: String
    package private(set) var serverPassword: String
    package private(set) var agentPassword: String
    /// `10.244` of `10.244.0.0/16`.
    package private(set) var podNetwork: String
    package internal(set) var nodes = NodeList()
    /// Node passwords by node name; they outlive their Node, as the Secrets of k3s below 1.35 do (facts/k3s.md §6.1).
    package internal(set) var passwords: [String: String] = [:]
    /// Leases of kube-system by name.
    package internal(set) var leases: [String: Lease] = [:]
    /// Nil for one server on sqlite.
    package var etcd: Etcd?
    private var slots = 0

    /// Every Node as the product reads it, by name; each is put together again only when something of it has changed.
    mutating func readings(now: Double) -> [NodeReading] {
        nodes.values.indices.map { nodes[place: $0].reading(now: now, etcd: etcd) }
    }

    mutating func reading(of name: String, now: Double) -> NodeReading? {
        nodes.place(of: name).map { nodes[place: $0].reading(now: now, etcd: etcd) }
    }

    package init(certificate: String, serverPassword: String, agentPassword: String, podNetwork: String) {
        (self.certificate, self.serverPassword) = (certificate, serverPassword)
        (self.agentPassword, self.podNetwork) = (agentPassword, podNetwork)
    }
}

extension ClusterModel {
    /// Seconds without a heartbeat after which nobody knows how a node is: Kubernetes waits for 50 s, after a beat that may be 10 s old
    /// (facts/kubernetes.md #1).
    package static let patience = 60.0
    /// A node that carries it cannot be emptied, as when a disruption budget forbids every eviction.
    package static let blockedDrain = "exedev-sim/disruption-budget"
    /// A node that carries it has a pod that no controller would start again.
    package static let barePod = "exedev-sim/bare-pod"

    /// A node that carries it stands for a Plan of the system-upgrade-controller, `NAMESPACE/NAME`.
    package static let upgradePlan = "exedev-sim/upgrade-plan"

    var upgradePlans: [String] { nodes.values.compactMap { $0.annotations[Self.upgradePlan] } }

    /// Who asks: the password alone means an agent's.
    package func admits(user: String, password: String) -> Bool {
        switch user {
        case "server": password == serverPassword
        case "node": password == agentPassword || password == serverPassword
        default: false
        }
    }

    /// k3s starts on a node. Labels are merged at every start, taints only at the first (facts/k3s.md §7).
    package mutating func register(_ registration: Registration, password: String, now: Double) throws(Refusal) {
        let name = registration.name
        if let known = passwords[name], known != password {
            throw Refusal(
                description: "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server "
                    + "node-passwd entry, try enabling a unique node name with the --with-node-id flag")
        }
        passwords[name] = password
        noteChange(of: name)
        var labels = Self.ownLabels(registration)
        if !registration.labels.isEmpty { labels.merge(registration.labels) { _, asked in asked } }
        if nodes[name] == nil {
            nodes[name] = Node(registration: registration, labels: [:], taints: registration.taints, slot: slots, heartbeat: now)
            slots += 1
        }
        nodes[name]?.restart(registration, labels, now: now)
    }

    /// False when there is no such Node: a kubelet whose Node was deleted does not register again before k3s restarts (§6.4).
    package mutating func beat(_ name: String, isReady: Bool, now: Double) -> Bool {
        guard let place = nodes.place(of: name) else { return false }
        nodes[place: place].heartbeat = now
        nodes[place: place].isKubeletReady = isReady
        return true
    }

    package func gateway(of name: String) -> String? { nodes[name].map { "\(podNetwork).\($0.slot).1" } }

    private static func ownLabels(_ registration: Registration) -> [String: String] {
        var labels = [
            "beta.kubernetes.io/arch": "amd64", "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
            "kubernetes.io/hostname": registration.name, "node.kubernetes.io/instance-type": "k3s",
        ]
        if registration.isServer { labels["node-role.kubernetes.io/control-plane"] = "true" }
        return labels
    }
}

extension ClusterModel.Node {
    package enum Condition: Sendable { case ready, notReady, unknown }

    package func condition(now: Double) -> Condition {
        if now - heartbeat > ClusterModel.patience { return .unknown }
        return isKubeletReady ? .ready : .notReady
    }

    /// Of its condition `Ready`.
    func readyStatus(now: Double) -> String {
        switch condition(now: now) {
        case .ready: "True"
        case .notReady: "False"
        case .unknown: "Unknown"
        }
    }

    fileprivate mutating func restart(_ registration: ClusterModel.Registration, _ own: [String: String], now: Double) {
        self.registration = registration
        if labels.isEmpty { labels = own } else { labels.merge(own) { _, new in new } }
        annotations["k3s.io/node-args"] = JSON.strings(registration.arguments).text
        (isKubeletReady, heartbeat) = (false, now)
    }

    /// The node's own taints and those that controllers add for its condition.
    package func effectiveTaints(now: Double) -> [ClusterModel.Taint] {
        var all = taints
        let cause: String? =
            switch condition(now: now) {
            case .ready: nil
            case .notReady: "node.kubernetes.io/not-ready"
            case .unknown: "node.kubernetes.io/unreachable"
            }
        for effect in ["NoSchedule", "NoExecute"] {
            if let cause { all.append(.init(key: cause, value: nil, effect: effect)) }
        }
        if isUnschedulable { all.append(.init(key: "node.kubernetes.io/unschedulable", value: nil, effect: "NoSchedule")) }
        return all
    }
}
