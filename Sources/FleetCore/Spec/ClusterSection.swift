import K3s

/// What could be read of `cluster`. Its parts are separate so that one bad part does not silence the checks of the others.
struct ClusterDraft {
    /// Where a problem of the whole cluster is shown.
    var place: Field
    var fields: [String: Field]
    var name: String?
    var k3s: K3sVersion?
    var upgradePath: UpgradePath
    var pods: CIDR?
    var services: CIDR?
    var overlay: Overlay?
    var disable: [String] = []
    var serverConfig: [String: ConfigValue] = [:]
    var agentConfig: [String: ConfigValue] = [:]
    var registries: RegistriesDraft?
    /// Nil: by the number of servers.
    var datastore: Datastore?

    /// Nil when a part is missing; that was reported.
    var desired: DesiredCluster? {
        guard let name, let k3s, let pods, let services, let overlay else { return nil }
        var cluster = DesiredCluster(
            name: name, k3s: k3s, upgradePath: upgradePath, clusterCIDR: pods, serviceCIDR: services, overlay: overlay, disable: disable,
            serverConfig: serverConfig, agentConfig: agentConfig, registries: registries.flatMap { $0.isEmpty ? nil : $0.registries },
            registrySecrets: registries?.secrets ?? [:])
        cluster.datastore = datastore ?? .sqlite
        return cluster
    }
}

extension FleetReader {
    func cluster(_ section: Field?) -> ClusterDraft {
        let fields = section?.fields(SpecFields.cluster) ?? [:]
        if let section, section.isObject {
            if fields["name"] == nil { section.miss("name") }
            if fields["k3s"] == nil { section.miss("k3s", "the field is required, such as \"v1.34.9+k3s1\"") }
        }
        let name = fields["name"]?.string(
            where: { Grammar.name($0, upTo: 20) }, or: "must be [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 20 characters")
        let disable = fields["disable"]?.items().compactMap {
            $0.string(in: K3sKeys.packaged, or: "is no packaged component: \(K3sKeys.packaged.joined(separator: ", "))")
        }
        let k3s = fields["k3s"].flatMap(release)
        let draft = ClusterDraft(
            place: section ?? root, fields: fields, name: name, k3s: k3s, upgradePath: upgradePath(fields["upgradePath"], to: k3s),
            pods: network(fields["clusterCIDR"], "10.244.0.0/16"), services: network(fields["serviceCIDR"], "10.245.0.0/16"),
            overlay: overlay(fields["network"]), disable: disable ?? [],
            serverConfig: fields["serverConfig"].map { K3sKeys.config($0, .server) } ?? [:],
            agentConfig: fields["agentConfig"].map { K3sKeys.config($0, .agent) } ?? [:], registries: registries(fields["registries"]),
            datastore: datastore(fields["datastore"]))
        if let pods = draft.pods, let services = draft.services { checkServices(services, pods, draft) }
        if let services = draft.services { checkDNS(services, draft) }
        return draft
    }

    /// The stops before the goal.
    private func upgradePath(_ field: Field?, to goal: K3sVersion?) -> UpgradePath {
        var stops: [K3sVersion] = []
        for item in field?.items() ?? [] {
            guard let stop = release(item) else { continue }
            if let last = stops.last, stop <= last { item.refuse("\(stop) stands behind \(last); the releases are passed in rising order") }
            if let goal, stop >= goal { item.refuse("\(stop) is not older than cluster.k3s, \(goal)") }
            stops.append(stop)
        }
        return UpgradePath(stops)
    }

    func release(_ field: Field) -> K3sVersion? {
        field.string(
            where: { K3sVersion($0) != nil }, or: "is no exact release; channels and ranges move, write one like \"v1.34.9+k3s1\""
        ).flatMap { K3sVersion($0) }
    }

    private func network(_ field: Field?, _ standard: String) -> CIDR? {
        guard let field else { return CIDR(standard) }
        let hint = "is no IPv4 network such as \"\(standard)\", all bits behind its prefix 0"
        guard let cidr = field.string(where: { CIDR($0) != nil }, or: hint).flatMap({ CIDR($0) }) else { return nil }
        if let problem = cidr.unfitness { field.refuse("\(cidr) \(problem)") }
        return cidr
    }

    /// An address outside is one that no service can have: no pod would resolve any name.
    private func checkDNS(_ services: CIDR, _ draft: ClusterDraft) {
        guard case .string(let text) = draft.serverConfig["cluster-dns"] else { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false)
        where CIDR.address(part).map(services.contains) != true {
            draft.fields["serverConfig"]?.refuse("cluster-dns \(part) is no address inside serviceCIDR \(services)")
        }
    }

    private func checkServices(_ services: CIDR, _ pods: CIDR, _ draft: ClusterDraft) {
        let field = draft.fields["serviceCIDR"]
        if let problem = services.overlap(withPods: pods) { (field ?? draft.fields["clusterCIDR"])?.refuse(problem) }
        if let problem = services.unfitnessOfServices { field?.refuse("\(services) \(problem)") }
    }

    /// Every node takes a /24 of the pods' network (facts/k3s.md §3.2).
    func checkRoom(_ draft: ClusterDraft, nodes: Int) {
        guard let pods = draft.pods else { return }
        let room = pods.prefix > 24 ? 0 : 1 << (24 - pods.prefix)
        if nodes > room {
            let message = "clusterCIDR \(pods) has room for \(room) nodes, a /24 each; the file asks for \(nodes)"
            (draft.fields["clusterCIDR"] ?? draft.place).refuse(message)
        }
    }

    private func overlay(_ field: Field?) -> Overlay? {
        let fields = field?.fields(SpecFields.network) ?? [:]
        _ = fields["mode"]?.string(in: ["tailscale"], or: "is not supported; the only mode is \"tailscale\"")
        let tags = fields["tags"]?.items().compactMap {
            $0.string(where: Grammar.tailnetTag, or: "is no tag of a tailnet, such as \"tag:k3s\"")
        }
        let controlURL = fields["controlURL"]?.string(
            where: Grammar.serverURL, or: "is no URL of a server, such as \"https://headscale.example\"")
        let key = fields["authKey"].map(secret) ?? .environment("TS_AUTHKEY")
        return key.map { .tailscale(authKey: $0, OverlayLogin(tags: tags ?? [], controlURL: controlURL)) }
    }

    /// Where a secret is read from; nil for anything else, which was reported.
    func secret(_ key: Field) -> SecretReference? {
        if case .string = key.node.value {
            key.refuse("secrets never stand in the file: write {env: \"NAME\"} or {file: \"path\"}")
            return nil
        }
        let parts = key.fields(SpecFields.authKey)
        if key.isObject, (parts["env"] == nil) == (parts["file"] == nil) { key.refuse("must be {env: \"NAME\"} or {file: \"path\"}") }
        if let env = parts["env"], let name = env.string() {
            // The text is not repeated: it may be the secret itself.
            if !Grammar.variable(name) { env.refuse("must be the name of an environment variable") }
            return .environment(name)
        }
        return parts["file"]?.path().map { .file($0) }
    }
}
