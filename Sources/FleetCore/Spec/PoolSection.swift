import K3s

/// A pool as read, with what its checks need beside what its nodes become.
struct PoolDraft {
    var name: String
    var role: Role
    /// Where a problem of its VMs' names is shown: its `vmPrefix`, else itself.
    var place: Field
    /// What its VMs' names begin with; nil when that is not known or was refused already.
    var stem: String?
    var count: Int
    var shape: PoolShape
    var labels: [String: String]
    var k3s: K3sVersion?
    var share: Share?
    var probe: ShareProbe?
    var comment: String?

    /// `-n` keeps the names from ending in `-<digits>`, which exe.dev was observed to refuse (facts/exedev.md §4).
    static func vmName(_ stem: String, _ number: Int) -> String { "\(stem)-n\(number)" }

    func nodes() -> [DesiredNode] {
        guard let stem, let k3s else { return [] }
        var vm = VMSpec(image: shape.image, cpu: shape.cpu, memory: shape.memory, disk: shape.disk, tags: shape.tags.sorted())
        vm.comment = comment
        return (0..<count).map { index in
            DesiredNode(
                name: Self.vmName(stem, index + 1), pool: name, role: role, vm: vm, k3s: k3s, labels: labels, taints: shape.taints,
                share: share, probe: probe)
        }
    }
}

extension FleetReader {
    static let serversPool = "servers"

    /// `cluster.servers`: a number, or a pool.
    func servers(_ cluster: ClusterDraft, _ base: PoolShape) -> PoolDraft {
        let field = cluster.fields["servers"]
        let isNumber = if case .integer = field?.node.value { true } else { false }
        let fields = isNumber ? [:] : field?.fields(SpecFields.pool) ?? [:]
        let counter = isNumber ? field : fields["nodes"]
        let count = counter.map(Self.serverCount) ?? 1
        checkDatastore(cluster, servers: count, counter)
        let prefix = cluster.name.map { "\($0)-cp" }
        return pool(Self.serversPool, field ?? cluster.place, fields, .server, count: count, prefix: prefix, base, cluster)
    }

    func agents(_ name: String, _ field: Field, _ cluster: ClusterDraft, _ base: PoolShape) -> PoolDraft {
        let isName = Grammar.name(name, upTo: 63) && name != Self.serversPool
        if !isName { field.refuseName("a pool's name is [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 63 characters and not \"servers\"") }
        let fields = field.fields(SpecFields.pool)
        if field.isObject, fields["nodes"] == nil { field.miss("nodes") }
        let prefix = isName ? cluster.name.map { "\($0)-\(name)" } : nil
        return pool(name, field, fields, .agent, count: fields["nodes"]?.integer(0...1000) ?? 0, prefix: prefix, base, cluster)
    }

    private func pool(
        _ name: String, _ field: Field, _ fields: [String: Field], _ role: Role, count: Int, prefix: String?, _ base: PoolShape,
        _ cluster: ClusterDraft
    ) -> PoolDraft {
        var shape = base
        shape.merge(fields)
        shape.checkMemory(role)
        if shape.isolated { shape.taints.append(Taint(key: "exedev.dev/pool", value: name, effect: .noSchedule)) }
        var labels = shape.labels
        labels["exedev.dev/pool"] = name
        for key in ["project", "task"] {
            let isValue = { (text: String) in Grammar.labelName(text, mayBeEmpty: false) }
            if let text = fields[key]?.string(where: isValue, or: Grammar.labelHint) { labels["exedev.dev/\(key)"] = text }
        }
        var stem = prefix
        if let own = fields["vmPrefix"] {
            stem = own.string(where: { Grammar.name($0, upTo: .max) }, or: "is no prefix of VM names: [a-z][a-z0-9]*(-[a-z0-9]+)*")
        }
        let share = fields["share"]?.fields(SpecFields.share)
        return PoolDraft(
            name: name, role: role, place: fields["vmPrefix"] ?? field, stem: stem, count: count, shape: shape, labels: labels,
            k3s: version(fields["k3s"], role, cluster), share: share.map(self.share),
            probe: share?["probe"].flatMap(probe),
            comment: fields["comment"]?.string(where: Grammar.comment, or: Grammar.commentHint))
    }

    /// A kubelet may be up to three minor releases behind its API server and never ahead of it (Kubernetes' version skew policy).
    private func version(_ field: Field?, _ role: Role, _ cluster: ClusterDraft) -> K3sVersion? {
        guard let field else { return cluster.k3s }
        guard let own = release(field), let servers = cluster.k3s else { return nil }
        if role == .server {
            if own != servers { field.refuse("differs from cluster.k3s, \(servers), which is the servers' release") }
        } else if own > servers {
            field.refuse("\(own) is newer than cluster.k3s, \(servers); agents may not be ahead of the servers")
        } else if own.major != servers.major || servers.minor - own.minor > 3 {
            field.refuse("\(own) is more than 3 minor releases behind cluster.k3s, \(servers)")
        }
        return own
    }

    private func share(_ fields: [String: Field]) -> Share {
        let users = fields["users"]?.items().compactMap { $0.string(where: Grammar.email, or: "is no e-mail address") }
        return Share(
            port: fields["port"]?.integer(1...65535), isPublic: fields["public"]?.boolean() ?? false,
            users: Set((users ?? []).map { $0.lowercased() }).sorted())
    }

    private func probe(_ field: Field) -> ShareProbe? {
        let fields = field.fields(SpecFields.probe)
        if field.isObject, fields["path"] == nil { field.miss("path") }
        let status = fields["status"]?.integer(100...599) ?? 200
        return fields["path"]?.string(where: Grammar.urlPath, or: Grammar.urlPathHint).map { ShareProbe(path: $0, status: status) }
    }

    /// Names are unique and fit exe.dev's one namespace for all customers. Once per pool, however many VMs it has.
    func checkNames(_ pools: [PoolDraft]) {
        var owners: [String: PoolDraft] = [:]
        for pool in pools {
            guard let stem = pool.stem else { continue }
            for number in [1, max(1, pool.count)] {
                let name = PoolDraft.vmName(stem, number)
                guard !(5...52).contains(name.utf8.count) else { continue }
                pool.place.refuse(
                    "the VM name \"\(name)\" has \(name.utf8.count) characters, exe.dev allows 5 to 52; choose another vmPrefix")
                break
            }
            guard pool.count > 0 else { continue }
            if let owner = owners[stem] {
                let name = PoolDraft.vmName(stem, 1)
                pool.place.refuse("the VM name \"\(name)\" is used already by \(owner.place.path) on line \(owner.place.line)")
            } else {
                owners[stem] = pool
            }
        }
    }
}
