import K3s

/// Reads a fleet file. Every problem is reported at once.
package enum FleetFile {
    package struct Outcome: Sendable {
        /// Nil when any diagnostic is an error.
        package var fleet: DesiredFleet?
        /// In the order of the file.
        package var diagnostics: [Diagnostic]
        /// The cluster's name, if that much can be read of a file with errors.
        package var clusterName: String?
    }

    /// `zone`: the rules of a time zone of that name, where the system knows it.
    package static func parse(
        _ text: String, file: String, zone: (String) -> TimeZoneRules? = { $0 == "UTC" ? .utc : nil }
    ) -> Outcome {
        var reader = JSON5Reader(text)
        do throws(JSON5Error) {
            let root = try reader.document()
            let reading = SpecReading(file: file, places: reader.places)
            let fleet = FleetReader(root: Field(node: root, path: "", reading: reading)).fleet(zone)
            let told = reading.sorted
            let usable = told.contains { $0.severity == .error } ? nil : fleet
            return Outcome(fleet: usable, diagnostics: told, clusterName: clusterName(root))
        } catch {
            let reading = SpecReading(file: file, places: reader.places)
            reading.report(error.offset, "", error.message)
            return Outcome(fleet: nil, diagnostics: reading.diagnostics)
        }
    }

    private static func clusterName(_ root: JSON5Node) -> String? {
        guard case .object(let sections) = root.value,
            case .object(let fields)? = sections.first(where: { $0.key == "cluster" })?.node.value,
            case .string(let name)? = fields.first(where: { $0.key == "name" })?.node.value, Grammar.name(name, upTo: 52)
        else { return nil }
        return name
    }
}

/// The names of all fields, by section. `SchemaTests` hold `FleetSchema` against this table and both against the decoder.
enum SpecFields {
    static let root = ["$schema", "apiVersion", "cluster", "defaults", "pools", "limits", "policy", "ssh", "transport"]
    static let cluster = [
        "name", "k3s", "upgradePath", "servers", "datastore", "clusterCIDR", "serviceCIDR", "network", "disable", "serverConfig",
        "agentConfig",
        "registries",
    ]
    static let network = ["mode", "authKey", "tags", "controlURL"]
    static let authKey = ["env", "file"]
    static let registries = ["mirrors", "configs"]
    static let mirror = ["endpoints", "rewrites"]
    static let registryConfig = ["auth", "tls"]
    static let registryAuth = ["username", "password", "token"]
    static let registryTLS = ["ca", "cert", "key", "insecureSkipVerify"]
    static let shape = ["image", "cpu", "memory", "disk", "tags", "labels", "taints", "isolated"]
    static let taint = ["key", "value", "effect"]
    static let pool = ["nodes", "vmPrefix", "k3s", "project", "task", "share", "comment"] + shape
    static let share = ["port", "public", "users", "probe"]
    static let probe = ["path", "status"]
    static let limits = ["maxVMs", "deletionsPerPass", "hostsAtOnce", "connectsPerMinute", "maxUnavailable", "etcdRoundTripMilliseconds"]
    static let policy = ["prune", "drain", "window", "replace"]
    static let window = ["days", "from", "to", "zone"]
    static let drain = ["force", "timeout", "deleteEmptyDir"]
    static let ssh = ["keyFile", "user", "hostKeys", "config"]
    static let knownHosts = ["knownHosts"]
}

struct FleetReader {
    static let apiVersion = "exedev-k8s/v1"

    let root: Field

    func fleet(_ zone: (String) -> TimeZoneRules?) -> DesiredFleet? {
        let top = root.fields(SpecFields.root)
        guard root.isObject else { return nil }
        if top["apiVersion"] == nil { root.miss("apiVersion", "add apiVersion: \"\(Self.apiVersion)\"") }
        if top["cluster"] == nil { root.miss("cluster") }
        _ = top["apiVersion"]?.string(in: [Self.apiVersion], or: "is not known; this program reads \"\(Self.apiVersion)\"")
        _ = top["$schema"]?.string()
        let cluster = cluster(top["cluster"])
        var base = PoolShape()
        if let defaults = top["defaults"] { base.merge(defaults.fields(SpecFields.shape)) }
        var pools = [servers(cluster, base.forServers)]
        for (name, field) in top["pools"]?.object(known: nil) ?? [] { pools.append(agents(name, field, cluster, base)) }
        let count = pools.reduce(0) { $0 + $1.count }
        let limits = limits(top, nodes: count)
        checkNames(pools)
        checkRoom(cluster, nodes: count)
        let policy = policy(top["policy"], zone)
        let ssh = ssh(top["ssh"])
        let transport = top["transport"]?.string(in: Transport.allCases.map(\.rawValue), or: "is neither https nor ssh")
            .flatMap(Transport.init)
        // Too many were refused above; they are not even made, since a short file can ask for millions.
        guard count <= limits.maxVMs else { return nil }
        return cluster.desired.map { cluster in
            var cluster = cluster
            if pools[0].count > 1 { cluster.datastore = .etcd }
            return DesiredFleet(
                cluster: cluster, nodes: pools.flatMap { $0.nodes() }, limits: limits, policy: policy, ssh: ssh, transport: transport)
        }
    }

    private func limits(_ top: [String: Field], nodes: Int) -> FleetLimits {
        let fields = top["limits"]?.fields(SpecFields.limits) ?? [:]
        let limits = FleetLimits(
            maxVMs: fields["maxVMs"]?.integer(1...1000) ?? 25, deletionsPerPass: fields["deletionsPerPass"]?.integer(0...1000) ?? 1,
            hostsAtOnce: fields["hostsAtOnce"]?.integer(1...1000) ?? 20,
            connectsPerMinute: fields["connectsPerMinute"]?.integer(1...10_000) ?? 60,
            maxUnavailable: fields["maxUnavailable"].flatMap(maxUnavailable) ?? .count(1),
            etcdRoundTripMilliseconds: fields["etcdRoundTripMilliseconds"]?.integer(1...1000) ?? 10)
        if nodes > limits.maxVMs {
            let place = fields["maxVMs"] ?? top["pools"] ?? root
            place.refuse("the file asks for \(nodes) VMs, limits.maxVMs allows \(limits.maxVMs)")
        }
        return limits
    }

    private func maxUnavailable(_ field: Field) -> MaxUnavailable? {
        if case .string(let text) = field.node.value {
            if let percent = text.wholeMatch(of: /([1-9][0-9]?|100)%/).flatMap({ Int($0.1) }) { return .percent(percent) }
            field.refuse("\"\(text)\" is no share from \"1%\" to \"100%\"")
            return nil
        }
        return field.integer(1...1000).map(MaxUnavailable.count)
    }

    private func policy(_ field: Field?, _ zone: (String) -> TimeZoneRules?) -> Policy {
        let fields = field?.fields(SpecFields.policy) ?? [:]
        let windows = withoutActuallyEscaping(zone) { WindowSection(zone: $0).windows(fields["window"]) }
        let replace = fields["replace"]?.string(in: ReplacePolicy.allCases.map(\.rawValue), or: "is none of never, agents and all")
        return Policy(
            prune: fields["prune"]?.boolean() ?? false, drain: drain(fields["drain"]), windows: windows,
            replace: replace.flatMap(ReplacePolicy.init) ?? .never)
    }

    private func drain(_ field: Field?) -> DrainPolicy {
        let fields = field?.fields(SpecFields.drain) ?? [:]
        var drain = DrainPolicy()
        if let force = fields["force"]?.boolean() { drain.force = force }
        if let seconds = fields["timeout"]?.integer(20...86_400) { drain.timeout = seconds }
        if let isDeleted = fields["deleteEmptyDir"]?.boolean() { drain.deleteEmptyDir = isDeleted }
        return drain
    }

    private func ssh(_ field: Field?) -> SSHSettings {
        let fields = field?.fields(SpecFields.ssh) ?? [:]
        return SSHSettings(
            keyFile: fields["keyFile"]?.path(), user: fields["user"]?.string(where: Grammar.user, or: "is no login name"),
            hostKeys: fields["hostKeys"].flatMap(hostKeys) ?? .standard, config: fields["config"].flatMap(config) ?? .unused)
    }

    private func config(_ field: Field) -> OpenSSHConfig? {
        switch field.node.value {
        case .bool(let isUsed): return isUsed ? .usual : .unused
        case .string: return field.path().map { .file($0) }
        default: field.refuse("must be true, false or the path of a file")
        }
        return nil
    }

    private func hostKeys(_ field: Field) -> HostKeyPolicy? {
        let kinds = "\"standard\", \"trust-on-first-use\", a list of \"SHA256:…\" or {knownHosts: \"path\"}"
        switch field.node.value {
        case .string("standard"): return .standard
        case .string("trust-on-first-use"): return .trustOnFirstUse
        case .string: _ = field.string(in: ["standard", "trust-on-first-use"], or: "is not one of \(kinds)")
        case .array(let nodes) where nodes.isEmpty: field.refuse("an empty list would trust no host")
        case .array:
            let hint = "is no fingerprint: \"SHA256:\" and 43 characters, as ssh-keygen -l prints it"
            return .fingerprints(field.items().compactMap { $0.string(where: Grammar.keyHash, or: hint) })
        case .object:
            let fields = field.fields(SpecFields.knownHosts)
            if fields["knownHosts"] == nil { field.miss("knownHosts") }
            return fields["knownHosts"]?.path().map { .knownHosts(file: $0) }
        default: field.refuse("must be \(kinds)")
        }
        return nil
    }
}
