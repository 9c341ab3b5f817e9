import K3s

extension FleetReader {
    func cluster(_ section: Field, _ fields: [String: Field]) -> DesiredCluster? {
        let isName = { (text: String) in Grammar.word(text, extra: "-") && text.utf8.count <= 20 }
        let name = fields["name"]?.string(where: isName, or: "must be [a-z][a-z0-9-]*, at most 20 characters")
        if fields["name"] == nil { let _: String? = missing(section, "name", "the field is required") }
        let version = fields["k3s"]?.string(
            where: { K3sVersion($0) != nil }, or: "is no exact release; channels and ranges move, write one like \"v1.34.9+k3s1\"")
        if fields["k3s"] == nil { let _: String? = missing(section, "k3s", "the field is required, such as \"v1.34.9+k3s1\"") }
        let pods = network(fields["clusterCIDR"], "10.244.0.0/16")
        let services = network(fields["serviceCIDR"], "10.245.0.0/16")
        let overlay = overlay(fields["network"])
        let packaged = ["coredns", "servicelb", "traefik", "local-storage", "metrics-server"]
        let disable = fields["disable"]?.items().compactMap {
            $0.string(where: packaged.contains, or: "is no packaged component: \(packaged.joined(separator: ", "))")
        }
        let server = fields["serverConfig"].map { config($0, .server) } ?? [:]
        let agent = fields["agentConfig"].map { config($0, .agent) } ?? [:]
        guard let name, let version, let k3s = K3sVersion(version), let pods, let services, let overlay else { return nil }
        if pods.overlaps(services) { section.refuse("clusterCIDR \(pods) and serviceCIDR \(services) overlap") }
        return DesiredCluster(
            name: name, k3s: k3s, clusterCIDR: pods, serviceCIDR: services, overlay: overlay, disable: disable ?? [],
            serverConfig: server, agentConfig: agent)
    }

    private func network(_ field: Field?, _ standard: String) -> CIDR? {
        guard let field else { return CIDR(standard) }
        guard let text = field.string(where: { CIDR($0) != nil }, or: "is no IPv4 network"), let cidr = CIDR(text) else { return nil }
        if let vms = CIDR("10.42.0.0/16"), cidr.overlaps(vms) {
            field.refuse("\(cidr) overlaps 10.42.0.0/16, where exe.dev's VMs sit: the VM would own its gateway's address and be cut off")
        }
        if let overlay = CIDR("100.64.0.0/10"), cidr.overlaps(overlay) { field.refuse("\(cidr) overlaps the overlay's 100.64.0.0/10") }
        if cidr.prefix > 22 { field.refuse("\(cidr) is too small") }
        return cidr
    }

    private func overlay(_ field: Field?) -> Overlay? {
        let fields = field?.fields(["mode", "authKey"]) ?? [:]
        _ = fields["mode"]?.string(where: { $0 == "tailscale" }, or: "is not supported; the only mode is \"tailscale\"")
        guard let key = fields["authKey"] else { return .tailscale(authKey: .environment("TS_AUTHKEY")) }
        if case .string = key.node.value {
            key.refuse("secrets never stand in the file: write {env: \"NAME\"} or {file: \"path\"}")
            return nil
        }
        let parts = key.fields(["env", "file"])
        if let name = parts["env"]?.string() { return .tailscale(authKey: .environment(name)) }
        if let path = parts["file"]?.string() { return .tailscale(authKey: .file(path)) }
        key.refuse("must be {env: \"NAME\"} or {file: \"path\"}")
        return nil
    }

    static let anyRole = [
        "kubelet-arg", "kube-proxy-arg", "resolv-conf", "protect-kernel-defaults", "prefer-bundled-bin", "debug", "v", "snapshotter",
        "private-registry", "system-default-registry", "pause-image", "selinux", "lb-server-port", "docker",
    ]
    static let serverOnly = [
        "cluster-dns", "cluster-domain", "tls-san", "tls-san-security", "flannel-backend", "secrets-encryption", "write-kubeconfig-mode",
        "write-kubeconfig", "kube-apiserver-arg", "kube-controller-manager-arg", "kube-scheduler-arg", "etcd-arg",
        "service-node-port-range",
        "etcd-snapshot-schedule-cron", "etcd-snapshot-retention", "disable-network-policy", "disable-helm-controller",
        "disable-kube-proxy", "disable-cloud-controller", "embedded-registry", "egress-selector-mode", "default-local-storage-path",
    ]
    static let owned = [
        "token": "the tool makes it", "token-file": "the tool makes it", "agent-token": "the tool makes it",
        "agent-token-file": "the tool makes it", "server": "the tool sets it", "cluster-init": "the tool sets it",
        "cluster-cidr": "use cluster.clusterCIDR", "service-cidr": "use cluster.serviceCIDR", "node-name": "use vmPrefix",
        "node-ip": "the overlay decides it", "advertise-address": "the overlay decides it", "flannel-iface": "the overlay decides it",
        "node-label": "use labels", "node-taint": "use taints", "disable": "use cluster.disable", "data-dir": "the tool relies on it",
        "vpn-auth": "use cluster.network", "vpn-auth-file": "use cluster.network", "node-external-ip": "the overlay decides it",
        "with-node-id": "it would change the nodes' names",
    ]

    private func config(_ field: Field, _ role: Role) -> [String: ConfigValue] {
        let known = role == .server ? Self.anyRole + Self.serverOnly : Self.anyRole
        var values: [String: ConfigValue] = [:]
        for (key, item) in field.object(known: nil) {
            if let instead = Self.owned[key] {
                item.refuse("exedev-k8s owns this key: \(instead)")
            } else if role == .agent, Self.serverOnly.contains(key) {
                item.refuse("only servers know this key; an agent that finds it crash-loops")
            } else if !known.contains(key) {
                item.refuse("k3s has no such key", suggestion: nearest(key, in: known))
            } else if key == "flannel-backend", case .string("wireguard-native") = item.node.value {
                item.refuse("wireguard-native cannot work: no exe.dev VM has an address that another one reaches")
            }
            values[key] = value(item)
        }
        return values
    }

    private func value(_ field: Field) -> ConfigValue? {
        switch field.node.value {
        case .string(let text): return .string(text)
        case .integer(let number): return .integer(number)
        case .bool(let flag): return .boolean(flag)
        case .array: return .list(field.items().compactMap { $0.string() })
        default:
            field.refuse("must be a text, a whole number, true, false or a list of texts")
            return nil
        }
    }
}
