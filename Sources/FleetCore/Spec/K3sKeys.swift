import K3s

/// The keys of k3s's configuration file that a fleet file may set (k3s-io/k3s pkg/cli/cmds/agent.go and server.go, v1.34).
/// A server skips an unknown key with a warning, an agent crash-loops on it (facts/k3s.md §2): both are refused here.
enum K3sKeys {
    static let anyRole = [
        "debug", "default-runtime", "disable-default-registry-endpoint", "docker", "image-credential-provider-bin-dir",
        "image-credential-provider-config", "kube-proxy-arg", "kubelet-arg", "lb-server-port", "pause-image", "prefer-bundled-bin",
        "private-registry", "protect-kernel-defaults", "resolv-conf", "selinux", "snapshotter", "v", "vmodule",
    ]
    static let agentOnly = ["disable-apiserver-lb"]
    static let serverOnly = [
        "cluster-dns", "cluster-domain", "default-local-storage-path", "disable-cloud-controller", "disable-helm-controller",
        "disable-kube-proxy", "disable-network-policy", "egress-selector-mode", "embedded-registry", "enable-pprof", "etcd-arg",
        "etcd-expose-metrics", "flannel-backend", "helm-job-image", "kube-apiserver-arg",
        "kube-cloud-controller-manager-arg", "kube-controller-manager-arg", "kube-scheduler-arg", "secrets-encryption",
        "service-node-port-range", "servicelb-namespace", "system-default-registry", "tls-san", "tls-san-security",
        "write-kubeconfig-group",
    ]
    /// Keys that exist and are not for the fleet file, with the reason.
    static let owned = [
        "advertise-address": "the overlay decides it", "advertise-port": "the tool relies on 6443",
        "agent-token": "the tool makes it", "alsologtostderr": "the tool reads the journal", "agent-token-file": "the tool makes it",
        "bind-address": "the overlay decides it",
        "cluster-cidr": "use cluster.clusterCIDR", "cluster-init": "the tool sets it", "cluster-reset": "it is an order, no setting",
        "config": "the tool writes that file", "data-dir": "the tool relies on it",
        "datastore-endpoint": "a datastore outside the server is not built yet",
        "disable": "use cluster.disable", "disable-agent": "split roles are not built yet",
        "etcd-s3-access-key": "secrets never stand in the file", "etcd-s3-secret-key": "secrets never stand in the file",
        "flannel-iface": "the overlay decides it", "flannel-external-ip": "the overlay decides it",
        "https-listen-port": "the tool relies on 6443", "node-external-ip": "the overlay decides it",
        "log": "the tool reads the journal", "node-ip": "the overlay decides it", "node-label": "use labels", "node-name": "use vmPrefix",
        "node-taint": "use taints",
        "rootless": "the tool runs k3s as a service of the system", "server": "the tool sets it",
        "service-cidr": "use cluster.serviceCIDR", "token": "the tool makes it", "token-file": "the tool makes it",
        "vpn-auth": "use cluster.network", "vpn-auth-file": "use cluster.network",
        "with-node-id": "it would change the nodes' names", "write-kubeconfig": "the tool reads /etc/rancher/k3s/k3s.yaml",
        "write-kubeconfig-mode": "the tool keeps it at 0600",
    ]
    /// k3s makes snapshots of etcd alone (docs.k3s.io/datastore/backup-restore).
    private static let noSnapshots =
        "one server keeps its state in sqlite, of which k3s makes no snapshots; copy /var/lib/rancher/k3s/server"
    /// flannel's backends that carry pods between VMs which share nothing but the overlay.
    static let backends = ["none", "vxlan"]
    static let packaged = ["coredns", "local-storage", "metrics-server", "runtimes", "servicelb", "traefik"]

    static func known(to role: Role) -> [String] { anyRole + (role == .server ? serverOnly : agentOnly) }

    static func config(_ field: Field, _ role: Role) -> [String: ConfigValue] {
        var values: [String: ConfigValue] = [:]
        for (key, item) in field.object(known: nil) {
            if let reason = problem(key, role) {
                item.refuseName(reason, suggestion: owned[key] == nil ? nearest(key, in: known(to: role)) : nil)
            }
            if key == "flannel-backend", case .string(let name) = item.node.value { backend(name, item) }
            values[key] = value(item)
            // The tool adds its own names to this list (`NodeSetup.configFile`).
            if key == "tls-san", case .string(let name) = values[key] { values[key] = .list([name]) }
        }
        return values
    }

    private static func problem(_ key: String, _ role: Role) -> String? {
        if let instead = owned[key] { return "exedev-k8s owns this key: \(instead)" }
        if key.hasPrefix("etcd-snapshot-") || key == "etcd-disable-snapshots" { return noSnapshots }
        if known(to: role).contains(key) { return nil }
        if serverOnly.contains(key) { return "only servers know this key; an agent that finds it crash-loops" }
        return agentOnly.contains(key) ? "only agents know this key" : "no key of k3s that a fleet file may set"
    }

    private static func backend(_ name: String, _ field: Field) {
        switch name {
        case "wireguard-native": field.refuse("wireguard-native cannot work: no exe.dev VM has an address that another one reaches")
        case "host-gw": field.refuse("host-gw cannot work: exe.dev's VMs share no link")
        default: _ = field.string(in: backends, or: "is no backend of flannel: \(backends.joined(separator: ", "))")
        }
    }

    private static func value(_ field: Field) -> ConfigValue? {
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
