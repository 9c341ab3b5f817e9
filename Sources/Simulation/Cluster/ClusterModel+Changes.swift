/// What the verbs of kubectl change. A script on a server asks for it in words, the in-memory world by these methods.
extension ClusterModel {
    /// Why the API server, or kubectl, does not do what it was asked for.
    package enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        case notFound(kind: String, String)
        case alreadyExists(kind: String, String)
        /// It has been changed since the version that the request names.
        case conflict(kind: String, String)
        /// Pods are left that cannot be evicted, or that nobody ends.
        case evictionBlocked
        /// A pod that no controller would start again: no pod at all is ended.
        case barePod(node: String)

        /// As kubectl prints it.
        package var description: String {
            switch self {
            case .notFound(let kind, let name): "Error from server (NotFound): \(kind) \"\(name)\" not found"
            case .alreadyExists(let kind, let name): "Error from server (AlreadyExists): \(kind) \"\(name)\" already exists"
            case .conflict(let kind, let name):
                "Error from server (Conflict): Operation cannot be fulfilled on \(kind) \"\(name)\": the object has been modified; "
                    + "please apply your changes to the latest version and try again"
            case .evictionBlocked:
                "error when evicting pods/\"web-0\" -n \"default\" (will retry after 5s): "
                    + "Cannot evict pod as it would violate the pod's disruption budget."
            case .barePod(let node):
                "error: unable to drain node \"\(node)\" due to error: cannot delete Pods that declare no controller "
                    + "(use --force to override): default/bare, continuing command...\nThere are pending nodes to be drained:\n \(node)\n"
                    + "error: cannot delete Pods that declare no controller (use --force to override): default/bare"
            }
        }
    }

    /// A merge patch of a Node: nil removes a label or annotation, and leaves taints and cordon as they are.
    package struct NodePatch: Sendable {
        package var labels: [String: String?] = [:]
        package var annotations: [String: String?] = [:]
        package var taints: [Taint]?
        package var isUnschedulable: Bool?
        /// The Node must be at this version.
        package var revision: Int?
    }

    package mutating func patch(_ name: String, _ patch: NodePatch) throws(Failure) {
        if let revision = patch.revision, let node = nodes[name], revision != node.revision { throw .conflict(kind: "nodes", name) }
        let isFound = change(name) { node in
            for (key, value) in patch.labels { node.labels[key] = value }
            for (key, value) in patch.annotations { node.annotations[key] = value }
            if let taints = patch.taints { node.taints = taints }
            if let flag = patch.isUnschedulable { node.isUnschedulable = flag }
        }
        if !isFound { throw .notFound(kind: "nodes", name) }
    }

    package mutating func cordon(_ name: String) throws(Failure) { try patch(name, NodePatch(isUnschedulable: true)) }

    package mutating func uncordon(_ name: String) throws(Failure) { try patch(name, NodePatch(isUnschedulable: false)) }

    /// Cordons once, at its beginning; a drain that fails leaves the node cordoned.
    package mutating func drain(_ name: String, skipsTheSilent: Bool, force: Bool = false, now: Double) throws(Failure) {
        try cordon(name)
        try evict(name, skipsTheSilent: skipsTheSilent, force: force, now: now)
    }

    /// One try of a drain. Pods end when their kubelet says so, and a dead one never does.
    func evict(_ name: String, skipsTheSilent: Bool, force: Bool, now: Double) throws(Failure) {
        guard let node = nodes[name] else { throw .notFound(kind: "nodes", name) }
        if node.annotations[Self.barePod] != nil, !force { throw .barePod(node: name) }
        let isDead = node.condition(now: now) == .unknown && !skipsTheSilent
        if isDead || node.annotations[Self.blockedDrain] != nil { throw .evictionBlocked }
    }

    package mutating func change(_ name: String, _ body: (inout Node) -> Void) -> Bool {
        guard let place = nodes.place(of: name) else { return false }
        noteChange(of: name)
        body(&nodes[place: place])
        // The taints of conditions belong to controllers: what a client writes of them does not last.
        nodes[place: place].taints.removeAll { $0.key.hasPrefix("node.kubernetes.io/") }
        return true
    }

    /// The Node of an etcd member goes when its member has (facts/k3s.md §5.3).
    package mutating func deleteNode(_ name: String) -> Bool {
        guard let place = nodes.place(of: name) else { return false }
        noteChange(of: name)
        if etcd?.members[name] == nil { dropNode(name) } else { nodes[place: place].isDeleting = true }
        return true
    }

    mutating func dropNode(_ name: String) {
        nodes[name] = nil
    }

    mutating func noteChange(of name: String) {
        guard let place = nodes.place(of: name) else { return }
        nodes[place: place].told = Node.Told()
        nodes[place: place].revision += 1
    }

    /// `NAME.node-password.k3s` in kube-system.
    package mutating func deleteSecret(_ name: String) -> Bool {
        let suffix = ".node-password.k3s"
        return name.hasSuffix(suffix) && passwords.removeValue(forKey: String(name.dropLast(suffix.count))) != nil
    }
}
