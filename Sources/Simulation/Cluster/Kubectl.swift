import Foundation

/// The verbs of kubectl that the product uses, and those that a person needs to make it work: labels and annotations.
package struct Kubectl: Sendable {
    /// What kubectl prints and exits with.
    package struct Answer: Codable, Sendable, Equatable {
        package var status: Int32 = 0
        package var output = ""
        package var error = ""
        /// Seconds to keep trying: pods are left that may not be evicted. Zero is for ever, as kubectl has it.
        package var isEvicting: Double?

        static func said(_ text: String) -> Answer { Answer(output: text + "\n") }
        static func failed(_ text: String) -> Answer { Answer(status: 1, error: text + "\n") }
        static func notFound(_ kind: String, _ name: String) -> Answer {
            failed("\(ClusterModel.Failure.notFound(kind: kind, name))")
        }
    }

    let words: [String]
    let flags: [String: String]
    /// What stands on standard input, for `-f -`.
    let input: String
    /// A try of a drain after the first: only that one cordons.
    let isRetry: Bool

    /// Words and flags in any order; `-n kube-system`, `-o json`, `-p PATCH`, `--flag`, `--flag=value`.
    package init(_ arguments: [String], input: String = "", isRetry: Bool = false) {
        var words: [String] = []
        var flags: [String: String] = [:]
        var rest = arguments[...]
        while let word = rest.popFirst() {
            if ["-n", "-o", "-p", "-f"].contains(word) {
                flags[word] = rest.popFirst() ?? ""
            } else if word.hasPrefix("--") {
                let halves = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                flags[halves[0]] = halves.count == 2 ? halves[1] : "true"
            } else {
                words.append(word)
            }
        }
        (self.words, self.flags, self.input, self.isRetry) = (words, flags, input, isRetry)
    }

    var name: String { words.count > 2 ? words[2] : "" }

    package func run(on cluster: inout ClusterModel, now: Double) -> Answer {
        do throws(ClusterModel.Failure) {
            return try answer(&cluster, now)
        } catch {
            return answer(to: error)
        }
    }

    private func answer(_ cluster: inout ClusterModel, _ now: Double) throws(ClusterModel.Failure) -> Answer {
        switch (words.first, words.dropFirst().first) {
        case ("get"?, nil) where flags["--raw"] == "/readyz": return .said("ok")
        case ("get"?, "nodes"?), ("get"?, "node"?): return get(cluster, now)
        case ("get"?, "lease"?): return try lease(cluster)
        // Of budgets the model knows only that one forbids every eviction of a node.
        case ("get"?, "pdb"?):
            return .said(cluster.nodes.values.contains { $0.annotations[ClusterModel.blockedDrain] != nil } ? "default/web" : "")
        // A resource of Rancher's, which few clusters have.
        case ("get"?, "plans.upgrade.cattle.io"?):
            let plans = cluster.upgradePlans.map { $0.split(separator: "/").joined(separator: "   ") + "   image   latest" }
            return plans.isEmpty
                ? .failed("error: the server doesn't have a resource type \"plans\"") : .said(plans.joined(separator: "\n"))
        case ("create"?, nil), ("replace"?, nil): return try put(&cluster)
        case ("version"?, _):
            return .said("Server Version: \(cluster.nodes.values.first { $0.registration.isServer }?.registration.version ?? "")")
        case ("cordon"?, let node?):
            try cluster.cordon(node)
            return .said("node/\(node) cordoned")
        case ("uncordon"?, let node?):
            try cluster.uncordon(node)
            return .said("node/\(node) uncordoned")
        case ("drain"?, let node?): return try drain(node, on: &cluster, now)
        case ("patch"?, "node"?): return try patch(&cluster)
        case ("label"?, "node"?): return try set(\.labels, on: &cluster, done: "labeled")
        case ("annotate"?, "node"?): return try set(\.annotations, on: &cluster, done: "annotated")
        case ("delete"?, "node"?): return deleted(cluster.deleteNode(name), "node", "nodes")
        case ("delete"?, "secret"?): return deleted(cluster.deleteSecret(name), "secret", "secrets")
        default: return .failed("error: unknown command \"\(words.joined(separator: " "))\" for this stand-in of kubectl")
        }
    }

    private func answer(to failure: ClusterModel.Failure) -> Answer {
        guard failure == .evictionBlocked else { return .failed("\(failure)") }
        let patience = flags["--timeout"] ?? "0s"
        var blocked = Answer.failed(
            "\(failure)\nThere are pending nodes to be drained:\n \(words.dropFirst().first ?? "")\n"
                + "error when evicting pods/\"web-0\" -n \"default\": global timeout reached: \(patience)")
        blocked.isEvicting = Double(patience.dropLast()) ?? 0
        return blocked
    }

    private func get(_ cluster: ClusterModel, _ now: Double) -> Answer {
        guard !name.isEmpty else {
            return .said(flags["-o"] == "json" ? cluster.nodeList(now: now).pretty : cluster.nodes.names.joined(separator: "\n"))
        }
        guard let node = cluster.nodes[name] else {
            return flags["--ignore-not-found"] != nil ? Answer() : .notFound("nodes", name)
        }
        switch flags["-o"] {
        case "json": return .said(cluster.nodeDocument(node, now: now).pretty)
        case "name": return .said("node/\(name)")
        case Self.taintPath: return Answer(output: taints(of: node, now: now))
        case let path? where path.hasPrefix(Self.cordonPath):
            let mark = path.dropFirst(Self.cordonPath.count).dropLast()
            return Answer(output: "\(node.isUnschedulable ? "true" : "")|\(node.annotations["exedev.dev/\(mark)"] ?? "")")
        case Self.readyPath: return Answer(output: node.readyStatus(now: now))
        case Self.addressPath: return Answer(output: node.registration.address)
        case let path? where path.hasPrefix("jsonpath="): return .failed("error: this stand-in does not know \(path)")
        default: return .said(name)
        }
    }

    // Those that the product asks with.
    private static let addressPath = "jsonpath={.status.addresses[?(@.type==\"InternalIP\")].address}"
    private static let readyPath = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}"
    private static let cordonPath = #"jsonpath={.spec.unschedulable}|{.metadata.annotations.exedev\.dev/"#
    private static let taintPath =
        "jsonpath={.metadata.resourceVersion} {range .spec.taints[*]}{.key}={.value}:{.effect}@{.timeAdded} {end}"

    private func taints(of node: ClusterModel.Node, now: Double) -> String {
        let words = node.effectiveTaints(now: now).map { "\($0.key)=\($0.value ?? ""):\($0.effect)@\($0.timeAdded ?? "") " }
        return "\(node.revision) " + words.joined()
    }

    private func drain(_ node: String, on cluster: inout ClusterModel, _ now: Double) throws(ClusterModel.Failure) -> Answer {
        guard flags["--ignore-daemonsets"] != nil else {
            return .failed(
                "error: unable to drain node \"\(node)\": cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)")
        }
        if !isRetry { try cluster.cordon(node) }
        try cluster.evict(
            node, skipsTheSilent: flags["--skip-wait-for-delete-timeout"] != nil, force: flags["--force"] != nil, now: now)
        return .said("node/\(node) drained")
    }

    private struct Patch: Decodable {
        struct Metadata: Decodable {
            var labels: [String: String?]?
            var annotations: [String: String?]?
            var resourceVersion: String?
        }
        struct Spec: Decodable {
            var taints: [ClusterModel.Taint]?
            var unschedulable: Bool?
        }
        var metadata: Metadata?
        var spec: Spec?
    }

    private func patch(_ cluster: inout ClusterModel) throws(ClusterModel.Failure) -> Answer {
        guard flags["--type"] == "merge", let text = flags["-p"] else {
            return .failed("error: this stand-in patches with --type=merge -p")
        }
        let patch: Patch
        do {
            patch = try JSONDecoder().decode(Patch.self, from: Data(text.utf8))
        } catch {
            return .failed("error: unable to parse \"\(text)\": \(error)")
        }
        let (metadata, spec) = (patch.metadata, patch.spec)
        // No Node has the version of a text that is no number.
        let revision = metadata?.resourceVersion.map { Int($0) ?? -1 }
        try cluster.patch(
            name,
            .init(
                labels: metadata?.labels ?? [:], annotations: metadata?.annotations ?? [:], taints: spec?.taints,
                isUnschedulable: spec?.unschedulable, revision: revision))
        return .said("node/\(name) patched")
    }

    /// `KEY=VALUE` sets, `KEY-` removes.
    private func set(
        _ map: WritableKeyPath<ClusterModel.NodePatch, [String: String?]>, on cluster: inout ClusterModel, done: String
    ) throws(ClusterModel.Failure) -> Answer {
        var patch = ClusterModel.NodePatch()
        for change in words.dropFirst(3) {
            if change.hasSuffix("-") {
                patch[keyPath: map].updateValue(nil, forKey: String(change.dropLast()))
            } else if let equals = change.firstIndex(of: "=") {
                patch[keyPath: map][String(change[..<equals])] = String(change[change.index(after: equals)...])
            }
        }
        try cluster.patch(name, patch)
        return .said("node/\(name) \(done)")
    }

    private func deleted(_ wasThere: Bool, _ kind: String, _ kinds: String) -> Answer {
        if wasThere { return .said("\(kind) \"\(name)\" deleted") }
        return flags["--ignore-not-found"] != nil ? Answer() : .notFound(kinds, name)
    }
}
