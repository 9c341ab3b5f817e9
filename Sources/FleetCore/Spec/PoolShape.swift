import K3s

/// What a pool's nodes read like, after the defaults and before the pool's own words.
struct PoolShape {
    var image = "exeuntu"
    var cpu = 2
    var memory = "4GB"
    var disk = "20GB"
    var tags: Set<String> = []
    var labels: [String: String] = [:]
    var taints: [Taint] = []
    var isolated = false
    /// Where `memory` was said, in the pool or in the defaults.
    private var memoryField: Field?

    /// Servers are isolated only when they ask for it themselves.
    var forServers: PoolShape {
        var copy = self
        copy.isolated = false
        return copy
    }

    mutating func merge(_ fields: [String: Field]) {
        if let field = fields["image"] { image = Self.image(field) ?? image }
        cpu = fields["cpu"]?.integer(1...512) ?? cpu
        if let field = fields["memory"], let text = Self.size(field, floor: 256) { (memory, memoryField) = (text, field) }
        // The smallest disk that exe.dev was observed to accept (facts/exedev.md §4, Aug 2026).
        disk = fields["disk"].flatMap { Self.size($0, floor: 10 * 1024) } ?? disk
        isolated = fields["isolated"]?.boolean() ?? isolated
        for tag in fields["tags"]?.items() ?? [] {
            guard let text = tag.string(where: Grammar.tag, or: "is no tag: [a-z][a-z0-9_-]*") else { continue }
            if text.hasPrefix("fleet-") { tag.refuse("tags that begin with fleet- are ownership marks") }
            tags.insert(text)
        }
        for (key, field) in fields["labels"]?.object(known: nil) ?? [] { labels[key] = Self.label(key, field) }
        if let field = fields["taints"] {
            let own = Self.taints(field)
            taints = taints.filter { old in !own.contains { $0.key == old.key && $0.effect == old.effect } } + own
        }
    }

    /// What k3s asks of a machine (docs.k3s.io installation/requirements). Less may start, and then runs out of memory: a warning.
    func checkMemory(_ role: Role) {
        guard let field = memoryField, let have = Grammar.megabytes(memory) else { return }
        if role == .server, have < 2048 { field.warn("\(memory) is less than the 2GB that k3s asks for a server") }
        if role == .agent, have < 512 { field.warn("\(memory) is less than the 512MB that k3s asks for an agent") }
    }

    private static func image(_ field: Field) -> String? {
        guard let text = field.string(where: Grammar.image, or: "is no image") else { return nil }
        // `ls` prints this name and `new` refuses it (facts/exedev.md §4).
        if text == "boldsoftware/exeuntu" { field.refuse("exe.dev does not accept this name", suggestion: "exeuntu") }
        return text
    }

    private static func size(_ field: Field, floor: Int) -> String? {
        if case .integer(let number) = field.node.value {
            field.refuse("\(number) has no unit; write a text such as \"4GB\" or \"512MB\"", suggestion: Grammar.meantSize("\(number)"))
            return nil
        }
        guard let text = field.string() else { return nil }
        guard let have = Grammar.megabytes(text) else {
            field.refuse("\"\(text)\" is no size such as \"4GB\" or \"512MB\"", suggestion: Grammar.meantSize(text))
            return nil
        }
        if have >= floor { return text }
        field.refuse("\(text) is below the floor of \(floor % 1024 == 0 ? "\(floor / 1024)GB" : "\(floor)MB")")
        return nil
    }

    private static func label(_ key: String, _ field: Field) -> String? {
        if let problem = Grammar.keyProblem(key) {
            field.refuseName("\"\(key)\" \(problem)")
        } else if let owner = labelOwner(key) {
            field.refuseName("\"\(key)\" is reserved: \(owner)")
        }
        return field.string(
            where: { Grammar.labelName($0, mayBeEmpty: true) }, or: Grammar.labelHint)
    }

    /// Who sets a label that the file may not set. Of Kubernetes' own the file may set those that administrators set with kubectl: roles and topology.
    private static func labelOwner(_ key: String) -> String? {
        if ["exedev.dev/pool", "exedev.dev/project", "exedev.dev/task"].contains(key) {
            return "exedev-k8s sets it itself; use project or task"
        }
        if ["control-plane", "master", "etcd"].contains(where: { key == "node-role.kubernetes.io/\($0)" }) {
            return "k3s sets it on servers"
        }
        guard Grammar.reservation(key, ["topology.kubernetes.io", "node-role.kubernetes.io"]) == nil,
            let domain = Grammar.reservation(key, ["kubernetes.io", "k8s.io"])
        else { return nil }
        return "the labels of \(domain) belong to Kubernetes"
    }

    private static func taints(_ field: Field) -> [Taint] {
        var found: [Taint] = []
        for item in field.items() {
            guard let taint = taint(item) else { continue }
            // Kubernetes refuses a node with two of them.
            if found.contains(where: { $0.key == taint.key && $0.effect == taint.effect }) {
                item.refuse("the key \"\(taint.key)\" has the effect \(taint.effect.rawValue) already in this list")
            }
            found.append(taint)
        }
        return found
    }

    private static func taint(_ field: Field) -> Taint? {
        guard let (key, value, effect) = taintParts(field) else { return nil }
        if let problem = Grammar.keyProblem(key) {
            field.refuse("\"\(key)\" \(problem)")
        } else if let domain = Grammar.reservation(key, ["exedev.dev", "node.kubernetes.io"]) {
            let owner = domain == "exedev.dev" ? "use isolated" : "Kubernetes sets these by a node's condition"
            field.refuse("\"\(key)\" is reserved: \(owner)")
        }
        if !Grammar.labelName(value, mayBeEmpty: true) { field.refuse("\"\(value)\" is no value of a taint") }
        guard let effect = Taint.Effect(rawValue: effect) else {
            let effects = Taint.Effect.allCases.map(\.rawValue)
            field.refuse("\"\(effect)\" is no effect: \(effects.joined(separator: ", "))", suggestion: nearest(effect, in: effects))
            return nil
        }
        return Taint(key: key, value: value, effect: effect)
    }

    /// `key=value:Effect`, `key:Effect` or an object.
    private static func taintParts(_ field: Field) -> (key: String, value: String, effect: String)? {
        if field.isObject {
            let parts = field.fields(SpecFields.taint)
            for name in ["key", "effect"] where parts[name] == nil { field.miss(name) }
            let value = parts["value"].map { $0.string() } ?? ""
            guard let key = parts["key"]?.string(), let value, let effect = parts["effect"]?.string() else { return nil }
            return (key, value, effect)
        }
        guard case .string(let text) = field.node.value, let colon = text.lastIndex(of: ":") else {
            field.refuse("must be a taint such as \"key=value:NoSchedule\" or {key, value, effect}")
            return nil
        }
        let pair = text[..<colon].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(pair[0]), pair.count > 1 ? String(pair[1]) : "", String(text[text.index(after: colon)...]))
    }
}
