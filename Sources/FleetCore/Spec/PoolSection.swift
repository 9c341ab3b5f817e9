import K3s

/// What a pool's nodes look like, after the defaults and before the pool's own words.
struct PoolShape {
    var image = "exeuntu"
    var cpu = 2
    var memory = "4GB"
    var disk = "20GB"
    var tags: Set<String> = []
    var labels: [String: String] = [:]
    var taints: [Taint] = []
    var isolated = false

    /// Servers are isolated only when they ask for it themselves.
    var forServers: PoolShape {
        var copy = self
        copy.isolated = false
        return copy
    }

    mutating func merge(_ fields: [String: Field]) {
        image = fields["image"]?.string(where: { !$0.isEmpty && !$0.hasPrefix("-") }, or: "is no image") ?? image
        cpu = fields["cpu"]?.integer(1...512) ?? cpu
        memory = fields["memory"].flatMap { Self.size($0, floor: 512) } ?? memory
        disk = fields["disk"].flatMap { Self.size($0, floor: 10 * 1024) } ?? disk
        isolated = fields["isolated"]?.boolean() ?? isolated
        for tag in fields["tags"]?.items() ?? [] {
            guard let text = tag.string(where: { Grammar.word($0, extra: "_-") }, or: "is no tag: [a-z][a-z0-9_-]*") else { continue }
            if text.hasPrefix("fleet-") { tag.refuse("tags that begin with fleet- are ownership marks") }
            tags.insert(text)
        }
        for (key, field) in fields["labels"]?.object(known: nil) ?? [] {
            if let problem = Grammar.labelKeyProblem(key) { field.refuse("\"\(key)\" \(problem)") }
            labels[key] = field.string(where: { Grammar.labelName($0, mayBeEmpty: true) }, or: "is no Kubernetes label value") ?? ""
        }
        for taint in fields["taints"]?.items().compactMap(Self.taint) ?? [] where !taints.contains(taint) { taints.append(taint) }
    }

    private static func size(_ field: Field, floor: Int) -> String? {
        if case .integer(let number) = field.node.value, number > 0 { return String(number) }
        guard let text = field.string(where: { Grammar.megabytes($0) != nil }, or: "is no size such as \"4GB\" or \"512MB\"") else {
            return nil
        }
        if (Grammar.megabytes(text) ?? 0) < floor { field.refuse("\(text) is below exe.dev's floor of \(floor) MB") }
        return text
    }

    private static func taint(_ field: Field) -> Taint? {
        var (key, value, effect) = ("", "", "")
        if case .object = field.node.value {
            let parts = field.fields(["key", "value", "effect"])
            (key, value, effect) = (parts["key"]?.string() ?? "", parts["value"]?.string() ?? "", parts["effect"]?.string() ?? "")
        } else if let text = field.string() {
            let halves = text.split(separator: ":", omittingEmptySubsequences: false)
            let pair = halves[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            (key, value, effect) = (String(pair[0]), pair.count > 1 ? String(pair[1]) : "", halves.count == 2 ? String(halves[1]) : "")
        }
        guard let effect = Taint.Effect(rawValue: effect), Grammar.labelName(value, mayBeEmpty: true),
            key.split(separator: "/").allSatisfy({ Grammar.labelName($0, mayBeEmpty: false) }), !key.isEmpty
        else {
            field.refuse("is no taint; write \"key=value:NoSchedule\", PreferNoSchedule or NoExecute")
            return nil
        }
        return Taint(key: key, value: value, effect: effect)
    }
}

extension FleetReader {
    func pool(
        _ name: String, _ field: Field?, _ role: Role, prefix: String, _ base: PoolShape, _ cluster: DesiredCluster?
    ) -> [(node: DesiredNode, field: Field?)] {
        var shape = base
        var fields: [String: Field] = [:]
        var count = 1
        if let field, case .integer(let number) = field.node.value, role == .server {
            count = number
        } else if let field {
            fields = field.fields(SpecFields.pool)
            shape.merge(fields)
            count = fields["nodes"]?.integer(0...1000) ?? (role == .server ? 1 : 0)
            if role == .agent, fields["nodes"] == nil { let _: Int? = missing(field, "nodes", "the field is required") }
        }
        if role == .server, count != 1 {
            let even = count % 2 == 0 ? "; an even number of servers tolerates no more losses than one fewer" : ""
            (fields["nodes"] ?? field)?.refuse("HA servers are not built yet: exactly 1 is allowed\(even)")
            count = 1
        }
        var labels = shape.labels
        labels["exedev.dev/pool"] = name
        for key in ["project", "task"] {
            let isValue = { (text: String) in Grammar.labelName(text, mayBeEmpty: false) }
            if let text = fields[key]?.string(where: isValue, or: "is no Kubernetes label value") { labels["exedev.dev/\(key)"] = text }
        }
        if shape.isolated { shape.taints.append(Taint(key: "exedev.dev/pool", value: name, effect: .noSchedule)) }
        guard let cluster else { return [] }
        let equals = "differs from cluster.k3s; this version runs one release in the whole cluster"
        _ = fields["k3s"]?.string(where: { $0 == cluster.k3s.description }, or: equals)
        let stem = fields["vmPrefix"]?.string() ?? prefix
        let share = fields["share"].map(share)
        let vm = VMShape(image: shape.image, cpu: shape.cpu, memory: shape.memory, disk: shape.disk, tags: shape.tags.sorted())
        return (0..<count).map { index in
            let node = DesiredNode(
                name: "\(stem)-n\(index + 1)", pool: name, role: role, vm: vm, k3s: cluster.k3s, labels: labels, taints: shape.taints,
                share: share)
            return (node, field)
        }
    }

    private func share(_ field: Field) -> Share {
        let fields = field.fields(SpecFields.share)
        let users = fields["users"]?.items().compactMap {
            $0.string(where: { $0.split(separator: "@").count == 2 && !$0.hasPrefix("-") && !$0.contains(" ") }, or: "is no e-mail address")
        }
        return Share(
            port: fields["port"]?.integer(1...65535), isPublic: fields["public"]?.boolean() ?? false, users: (users ?? []).sorted())
    }
}
