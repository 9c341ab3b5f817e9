import K3s

/// Reads a fleet file. Every problem is reported at once.
package enum FleetFile {
    package struct Outcome: Sendable {
        /// Nil when any diagnostic is an error.
        package var fleet: DesiredFleet?
        /// In the order of the file.
        package var diagnostics: [Diagnostic]
    }

    package static func parse(_ text: String, file: String) -> Outcome {
        var reader = JSON5Reader(text)
        do throws(JSON5Error) {
            let root = try reader.document()
            let reading = SpecReading(file: file, reader: reader)
            for (member, first) in reader.duplicates {
                reading.report(member.offset, member.key, "this key stands already on line \(reader.place(first).line)")
            }
            let fleet = FleetReader(root: Field(node: root, path: "", reading: reading)).fleet()
            let sorted = reading.diagnostics.sorted { ($0.line, $0.column, $0.message) < ($1.line, $1.column, $1.message) }
            return Outcome(fleet: sorted.contains { $0.severity == .error } ? nil : fleet, diagnostics: sorted)
        } catch {
            let reading = SpecReading(file: file, reader: reader)
            reading.report(error.offset, "", error.message)
            return Outcome(fleet: nil, diagnostics: reading.diagnostics)
        }
    }
}

/// The names of all fields, by section: the decoder and the schema read the same table.
enum SpecFields {
    static let root = ["$schema", "apiVersion", "cluster", "defaults", "pools", "limits", "policy", "ssh"]
    static let cluster = ["name", "k3s", "servers", "clusterCIDR", "serviceCIDR", "network", "disable", "serverConfig", "agentConfig"]
    static let shape = ["image", "cpu", "memory", "disk", "tags", "labels", "taints", "isolated"]
    static let pool = ["nodes", "vmPrefix", "k3s", "project", "task", "share"] + shape
    static let share = ["port", "public", "users"]
    static let limits = ["maxVMs", "deletionsPerPass", "hostsAtOnce", "connectsPerMinute", "maxUnavailable"]
    static let policy = ["prune", "replace"]
    static let ssh = ["keyFile", "user", "hostKeys"]
}

struct FleetReader {
    let root: Field

    func fleet() -> DesiredFleet? {
        let top = root.fields(SpecFields.root)
        guard let api = top["apiVersion"] else { return missing(root, "apiVersion", "add apiVersion: \"exedev-k8s/v1\"") }
        _ = api.string(where: { $0 == "exedev-k8s/v1" }, or: "is not known; this program reads \"exedev-k8s/v1\"")
        guard let section = top["cluster"] else { return missing(root, "cluster", "the field is required") }
        let clusterFields = section.fields(SpecFields.cluster)
        let cluster = cluster(section, clusterFields)
        let limits = limits(top["limits"])
        var base = PoolShape()
        if let defaults = top["defaults"] { base.merge(defaults.fields(SpecFields.shape)) }
        let name = cluster?.name ?? "fleet"
        var nodes = pool("servers", clusterFields["servers"], .server, prefix: "\(name)-cp", base.forServers, cluster)
        for (pool, field) in top["pools"]?.object(known: nil) ?? [] {
            if !Grammar.word(pool, extra: "-") || pool == "servers" {
                field.refuse("a pool's name is [a-z][a-z0-9-]*, and not \"servers\"")
            }
            nodes += self.pool(pool, field, .agent, prefix: "\(name)-\(pool)", base, cluster)
        }
        checkNames(nodes, limits)
        let policy = (top["policy"]?.fields(SpecFields.policy)) ?? [:]
        let settings = Policy(prune: policy["prune"]?.boolean() ?? false, replace: policy["replace"]?.boolean() ?? false)
        let ssh = ssh(top["ssh"])
        return cluster.map { DesiredFleet(cluster: $0, nodes: nodes.map(\.node), limits: limits, policy: settings, ssh: ssh) }
    }

    func missing<T>(_ field: Field, _ name: String, _ message: String) -> T? {
        field.reading.report(field.node.offset, field.path.isEmpty ? name : "\(field.path).\(name)", message)
        return nil
    }

    private func checkNames(_ nodes: [(node: DesiredNode, field: Field?)], _ limits: Limits) {
        var seen: [String: String] = [:]
        for (node, field) in nodes {
            let field = field ?? root
            if !Grammar.vmName(node.name) {
                field.refuse("\"\(node.name)\" is no VM name: 5 to 52 of a-z, 0-9 and single hyphens, a letter first")
            }
            if let other = seen[node.name] { field.refuse("the VM name \"\(node.name)\" is used by \(other) already") }
            seen[node.name] = node.pool
        }
        if nodes.count > limits.maxVMs { root.refuse("the file asks for \(nodes.count) VMs, limits.maxVMs allows \(limits.maxVMs)") }
    }

    private func limits(_ field: Field?) -> Limits {
        let fields = field?.fields(SpecFields.limits) ?? [:]
        return Limits(
            maxVMs: fields["maxVMs"]?.integer(1...1000) ?? 25, deletionsPerPass: fields["deletionsPerPass"]?.integer(0...1000) ?? 1,
            hostsAtOnce: fields["hostsAtOnce"]?.integer(1...1000) ?? 20,
            connectsPerMinute: fields["connectsPerMinute"]?.integer(1...10_000) ?? 60,
            maxUnavailable: fields["maxUnavailable"]?.integer(1...1000) ?? 1)
    }

    private func ssh(_ field: Field?) -> SSHSettings {
        let fields = field?.fields(SpecFields.ssh) ?? [:]
        return SSHSettings(
            keyFile: fields["keyFile"]?.string(), user: fields["user"]?.string(),
            hostKeys: fields["hostKeys"].flatMap(hostKeys) ?? .standard)
    }

    private func hostKeys(_ field: Field) -> HostKeyPolicy? {
        switch field.node.value {
        case .string("standard"): return .standard
        case .string("trust-on-first-use"): return .trustOnFirstUse
        case .array:
            return .fingerprints(field.items().compactMap { $0.string(where: { $0.hasPrefix("SHA256:") }, or: "is no SHA256: print") })
        case .object: return field.fields(["knownHosts"])["knownHosts"]?.string().map { .knownHosts(file: $0) }
        default:
            field.refuse("must be \"standard\", \"trust-on-first-use\", a list of \"SHA256:…\" or {knownHosts: \"path\"}")
            return nil
        }
    }
}
