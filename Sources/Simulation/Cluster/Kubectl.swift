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
            failed("Error from server (NotFound): \(kind) \"\(name)\" not found")
        }
    }

    let words: [String]
    let flags: [String: String]
    /// What stands on standard input, for `-f -`.
    let input: String

    /// Words and flags in any order; `-n kube-system`, `-o json`, `-p PATCH`, `--flag`, `--flag=value`.
    package init(_ arguments: [String], input: String = "") {
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
        (self.words, self.flags, self.input) = (words, flags, input)
    }

    var name: String { words.count > 2 ? words[2] : "" }

    package func run(on cluster: inout ClusterModel, now: Double) -> Answer {
        switch (words.first, words.dropFirst().first) {
        case ("get"?, nil) where flags["--raw"] == "/readyz": .said("ok")
        case ("get"?, "nodes"?), ("get"?, "node"?): get(cluster, now)
        case ("get"?, "lease"?): lease(cluster)
        case ("create"?, nil), ("replace"?, nil): put(&cluster)
        case ("version"?, _):
            .said("Server Version: \(cluster.nodes.values.first { $0.registration.isServer }?.registration.version ?? "")")
        case ("cordon"?, let node?): schedule(node, on: &cluster, isUnschedulable: true, done: "cordoned")
        case ("uncordon"?, let node?): schedule(node, on: &cluster, isUnschedulable: false, done: "uncordoned")
        case ("drain"?, let node?): drain(node, on: &cluster)
        case ("patch"?, "node"?): patch(&cluster)
        case ("label"?, "node"?): set(\.labels, on: &cluster, done: "labeled")
        case ("annotate"?, "node"?): set(\.annotations, on: &cluster, done: "annotated")
        case ("delete"?, "node"?): deleted(cluster.deleteNode(name), "node", "nodes")
        case ("delete"?, "secret"?): deleted(cluster.deleteSecret(name), "secret", "secrets")
        default: .failed("error: unknown command \"\(words.joined(separator: " "))\" for this stand-in of kubectl")
        }
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
        case Self.readyPath: return Answer(output: node.readyStatus(now: now))
        case Self.addressPath: return Answer(output: node.registration.address)
        case let path? where path.hasPrefix("jsonpath="): return .failed("error: this stand-in does not know \(path)")
        default: return .said(name)
        }
    }

    // Those that the product asks with.
    private static let addressPath = "jsonpath={.status.addresses[?(@.type==\"InternalIP\")].address}"
    private static let readyPath = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}"
    private static let taintPath =
        "jsonpath={.metadata.resourceVersion} {range .spec.taints[*]}{.key}={.value}:{.effect} {end}"

    private func taints(of node: ClusterModel.Node, now: Double) -> String {
        node.effectiveTaints(now: now).reduce("\(node.revision) ") { $0 + "\($1.key)=\($1.value ?? ""):\($1.effect) " }
    }

    private func schedule(_ node: String, on cluster: inout ClusterModel, isUnschedulable: Bool, done: String) -> Answer {
        cluster.change(node) { $0.isUnschedulable = isUnschedulable } ? .said("node/\(node) \(done)") : .notFound("nodes", node)
    }

    /// Cordons first; a drain that fails leaves the node cordoned.
    private func drain(_ node: String, on cluster: inout ClusterModel) -> Answer {
        guard flags["--ignore-daemonsets"] != nil else {
            return .failed(
                "error: unable to drain node \"\(node)\": cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)")
        }
        guard cluster.change(node, { $0.isUnschedulable = true }) else { return .notFound("nodes", node) }
        guard cluster.nodes[node]?.annotations[ClusterModel.blockedDrain] != nil else { return .said("node/\(node) drained") }
        var blocked = Answer.failed(
            "error when evicting pods/\"web-0\" -n \"default\": global timeout reached: \(flags["--timeout"] ?? "0s")")
        blocked.isEvicting = Double((flags["--timeout"] ?? "0s").dropLast()) ?? 0
        return blocked
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

    private func patch(_ cluster: inout ClusterModel) -> Answer {
        guard flags["--type"] == "merge", let text = flags["-p"] else {
            return .failed("error: this stand-in patches with --type=merge -p")
        }
        let patch: Patch
        do {
            patch = try JSONDecoder().decode(Patch.self, from: Data(text.utf8))
        } catch {
            return .failed("error: unable to parse \"\(text)\": \(error)")
        }
        if let version = patch.metadata?.resourceVersion, let node = cluster.nodes[name], version != "\(node.revision)" {
            return .failed(
                "Error from server (Conflict): Operation cannot be fulfilled on nodes \"\(name)\": the object has been modified; "
                    + "please apply your changes to the latest version and try again")
        }
        let found = cluster.change(name) { node in
            Self.merge(patch.metadata?.labels, into: &node.labels)
            Self.merge(patch.metadata?.annotations, into: &node.annotations)
            if let taints = patch.spec?.taints { node.taints = taints }
            if let flag = patch.spec?.unschedulable { node.isUnschedulable = flag }
        }
        return found ? .said("node/\(name) patched") : .notFound("nodes", name)
    }

    private static func merge(_ changes: [String: String?]?, into map: inout [String: String]) {
        for (key, value) in changes ?? [:] { map[key] = value }
    }

    /// `KEY=VALUE` sets, `KEY-` removes.
    private func set(_ map: WritableKeyPath<ClusterModel.Node, [String: String]>, on cluster: inout ClusterModel, done: String) -> Answer {
        let changes = words.dropFirst(3)
        let found = cluster.change(name) { node in
            for change in changes {
                if change.hasSuffix("-") {
                    node[keyPath: map][String(change.dropLast())] = nil
                } else if let equals = change.firstIndex(of: "=") {
                    node[keyPath: map][String(change[..<equals])] = String(change[change.index(after: equals)...])
                }
            }
        }
        return found ? .said("node/\(name) \(done)") : .notFound("nodes", name)
    }

    private func deleted(_ wasThere: Bool, _ kind: String, _ kinds: String) -> Answer {
        if wasThere { return .said("\(kind) \"\(name)\" deleted") }
        return flags["--ignore-not-found"] != nil ? Answer() : .notFound(kinds, name)
    }
}
