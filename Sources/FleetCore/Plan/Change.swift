import K3s

/// What an action changes, in words for the audit log: how its subject was last seen before, and how it shall be after.
/// No value of the fleet file's k3s configuration is told, only the hash of the whole: it may hold a password.
package struct Change: Sendable, Hashable {
    package var before: String
    package var after: String

    package init(before: String, after: String) {
        (self.before, self.after) = (before, after)
    }
}

extension Action {
    /// `record`: what the ledger says of the action's node.
    package func change(_ seen: Observation, record: Ledger.VMRecord) -> Change {
        switch self {
        case .createVM: Change(before: seen.vm(node), after: detail)
        case .tagVM(_, let tags):
            Change(before: list(seen.vms?[node]?.tags ?? []), after: list((seen.vms?[node]?.tags ?? []) + tags))
        case .startVM: Change(before: seen.vm(node), after: "VM running")
        case .prepare: Change(before: seen.host(node), after: detail)
        case .install(let setup):
            Change(
                before: record.config.map { "configuration \(short($0))" } ?? seen.host(node),
                after: "\(detail), configuration \(short(setup.configHash))")
        case .restart: Change(before: seen.nodeWords(node), after: "k3s started again")
        case .forget: Change(before: seen.nodeWords(node), after: "no node, no node password")
        case .shape(_, let shape):
            Change(before: seen.node(node).map(shape.before) ?? seen.nodeWords(node), after: shape.after(seen.node(node)))
        case .share:
            Change(before: record.share?.words ?? "not set by us", after: detail)
        case .drain: Change(before: seen.nodeWords(node), after: "cordoned and drained")
        case .uncordon: Change(before: seen.nodeWords(node), after: "schedulable")
        case .stop: Change(before: seen.nodeWords(node), after: "k3s stopped")
        case .deleteNode: Change(before: seen.nodeWords(node), after: "no node")
        case .removeVM: Change(before: seen.vm(node), after: "no VM")
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
    fileprivate func vm(_ name: String) -> String {
        guard let vms else { return "VMs not seen" }
        return vms[name].map { "VM \($0.status.words)" } ?? "no VM"
    }

    fileprivate func host(_ name: String) -> String {
        guard case .probed(let probe) = hosts[name] else { return "host not seen" }
        let isUp = if case .up = probe.overlay { true } else { false }
        let config = probe.configHash.map { ", configuration \(short($0))" } ?? ""
        return "overlay \(isUp ? "up" : "down"), " + (probe.binaryVersion.map { "k3s \($0)" } ?? "no k3s") + config
    }

    fileprivate func nodeWords(_ name: String) -> String {
        guard case .read = cluster else { return "cluster not seen" }
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

extension NodeShape {
    fileprivate func before(_ node: NodeReading) -> String {
        text(labels: labels.keys.sorted().map { ($0, node.labels[$0]) }, taints: node.taints)
    }

    fileprivate func after(_ node: NodeReading?) -> String {
        text(labels: labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, taints: taints?.to ?? node?.taints ?? [])
    }

    private func text(labels: [(String, String?)], taints: [Taint]) -> String {
        let parts = labels.map { key, value in value.map { "\(key)=\($0)" } ?? "no \(key)" }
        return list(parts) + "; taints " + list(taints.sorted().map(\.description))
    }
}

private func list(_ words: [String]) -> String { words.isEmpty ? "none" : words.joined(separator: ", ") }
private func short(_ hash: String) -> String { hash == Ledger.VMRecord.unknownConfig ? "unknown" : String(hash.prefix(12)) }
