import K3s

/// What an action changes, in words for the audit log: how its subject was last observed before, and how it shall be after.
/// No value of the fleet file's k3s configuration is told, only the hash of the whole: it may hold a password.
package struct Change: Sendable, Hashable {
    package var before: String
    package var after: String

    package init(before: String, after: String) {
        (self.before, self.after) = (before, after)
    }
}

extension Change {
    static func list(_ words: [String]) -> String { words.isEmpty ? "none" : words.joined(separator: ", ") }
    static func short(_ hash: String) -> String { String(hash.prefix(12)) }
}

extension Configuration {
    /// Nil when nothing is recorded.
    var words: String? {
        switch self {
        case .notRecorded: nil
        case .unknown: "configuration unknown"
        case .digest(let digest): "configuration \(Change.short(digest))"
        }
    }
}

extension Share {
    /// As the operator reads it.
    package var words: String {
        let port = self.port.map { ", port \($0)" } ?? ""
        return (isPublic ? "public" : "private") + port + (users.isEmpty ? "" : ", with " + users.joined(separator: ", "))
    }
}

extension Observation {
    func vmWords(_ name: String) -> String {
        guard let vms else { return "VMs not observed" }
        return vms[name].map { "VM \($0.status.words)" } ?? "no VM"
    }

    func hostWords(_ name: String) -> String {
        guard case .probed(let probe) = hosts[name] else { return "host not observed" }
        let isUp = if case .up = probe.overlay { true } else { false }
        let config = probe.configHash.map { ", configuration \(Change.short($0))" } ?? ""
        return "overlay \(isUp ? "up" : "down"), " + (probe.binaryVersion.map { "k3s \($0)" } ?? "no k3s") + config
    }

    func nodeWords(_ name: String) -> String {
        guard case .read = cluster else { return "cluster not observed" }
        return node(name).map { "node \($0.ready.words)" + ($0.unschedulable ? ", cordoned" : "") } ?? "no node"
    }
}

extension ObservedVM.Status {
    package var words: String {
        switch self {
        case .running: "running"
        case .starting: "starting"
        case .stopped: "stopped"
        case .paused: "paused"
        case .failed(let word), .other(let word): word
        }
    }
}

extension NodePatch {
    func before(_ node: NodeReading) -> String {
        text(labels: labels.keys.sorted().map { ($0, node.labels[$0]) }, taints: node.taints)
    }

    func after(_ node: NodeReading?) -> String {
        text(labels: labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, taints: taints?.to ?? node?.taints ?? [])
    }

    private func text(labels: [(String, String?)], taints: [Taint]) -> String {
        let parts = labels.map { key, value in value.map { "\(key)=\($0)" } ?? "no \(key)" }
        return Change.list(parts) + "; taints " + Change.list(taints.sorted().map(\.description))
    }
}
