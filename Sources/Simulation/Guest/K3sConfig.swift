import Foundation

/// `/etc/rancher/k3s/config.yaml` and flags, with k3s's asymmetry: a server skips a key that it does not know, an agent fails on it
/// (facts/k3s.md §2).
struct K3sConfig {
    enum Role { case server, agent }

    static let file = "/etc/rancher/k3s/config.yaml"
    private static let common: Set<String> = [
        "node-name", "node-ip", "node-external-ip", "flannel-iface", "node-label", "node-taint", "token", "token-file", "server",
        "kubelet-arg", "kube-proxy-arg", "protect-kernel-defaults", "prefer-bundled-bin", "resolv-conf", "data-dir", "debug", "v",
        "with-node-id", "vpn-auth", "vpn-auth-file", "private-registry", "selinux", "docker", "snapshotter", "pause-image",
        "lb-server-port",
        "node-internal-dns", "node-external-dns", "image-credential-provider-config", "image-credential-provider-bin-dir", "rootless",
        "container-runtime-endpoint", "flannel-conf", "flannel-cni-conf", "disable-apiserver-lb", "bind-address",
    ]
    private static let serverOnly: Set<String> = [
        "cluster-init", "cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain", "advertise-address", "advertise-port", "tls-san",
        "tls-san-security", "agent-token", "agent-token-file", "disable", "disable-helm-controller", "disable-network-policy",
        "disable-kube-proxy", "disable-cloud-controller", "flannel-backend", "flannel-external-ip", "flannel-ipv6-masq",
        "secrets-encryption", "secrets-encryption-provider", "write-kubeconfig", "write-kubeconfig-mode", "write-kubeconfig-group",
        "datastore-endpoint", "etcd-snapshot-schedule-cron", "etcd-snapshot-retention", "etcd-snapshot-dir", "etcd-snapshot-compress",
        "etcd-disable-snapshots", "etcd-expose-metrics", "etcd-arg", "kube-apiserver-arg", "kube-controller-manager-arg",
        "kube-scheduler-arg", "kube-cloud-controller-manager-arg", "embedded-registry", "egress-selector-mode", "service-node-port-range",
        "https-listen-port", "default-local-storage-path", "disable-agent", "disable-etcd", "disable-apiserver", "supervisor-metrics",
        "servicelb-namespace", "helm-job-image", "enable-pprof",
    ]

    let role: Role
    private var values: [String: [String]] = [:]

    init(_ role: Role, arguments: [String]) throws {
        self.role = role
        let known = role == .server ? K3sConfig.common.union(K3sConfig.serverOnly) : K3sConfig.common
        for file in [K3sConfig.file] + GuestHost.files(in: K3sConfig.file + ".d", ending: ["yaml", "yml"]) {
            guard let text = GuestHost.read(file) else { continue }
            for (key, list) in try K3sConfig.parse(text) {
                if known.contains(key) {
                    values[key] = list
                } else if role == .server {
                    GuestProgram.complain("level=warning msg=\"Unknown flag --\(key) found in config.yaml, skipping\"")
                } else {
                    throw GuestFailure("Incorrect Usage: flag provided but not defined: -\(key)")
                }
            }
        }
        for flag in arguments where flag.hasPrefix("--") && flag != "--" {
            let halves = flag.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
            guard known.contains(halves[0]) else { throw GuestFailure("Incorrect Usage: flag provided but not defined: -\(halves[0])") }
            values[halves[0]] = [halves.count == 2 ? halves[1] : "true"]
        }
        let environment = ProcessInfo.processInfo.environment
        for (variable, key) in [("K3S_URL", "server"), ("K3S_TOKEN_FILE", "token-file"), ("K3S_TOKEN", "token")] {
            if values[key] == nil, let value = environment[variable] { values[key] = [value] }
        }
    }

    subscript(_ key: String) -> String? { values[key]?.first }
    func list(_ key: String) -> [String] { values[key] ?? [] }

    /// The token's text; from its file if it has one.
    func secret(_ key: String) throws -> String? {
        if let text = self[key] { return text }
        guard let file = self[key + "-file"] else { return nil }
        guard let text = GuestHost.read(file) else { throw GuestFailure("open \(file): no such file or directory") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// `["agent","--node-name","web-n1",…]`, tokens left out.
    var shownArguments: [String] {
        [role == .server ? "server" : "agent"]
            + values.keys.sorted().flatMap { key in values[key]!.flatMap { ["--" + key, key.contains("token") ? "********" : $0] } }
    }

    /// The subset of YAML that k3s's own documentation uses: scalars, `- item` lists and `[]`.
    static func parse(_ text: String) throws -> [(String, [String])] {
        var entries: [(String, [String])] = []
        for (number, raw) in text.utf8.split(separator: 10, omittingEmptySubsequences: false).map({ Substring($0) }).enumerated() {
            let line = raw.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("- "), !entries.isEmpty {
                entries[entries.count - 1].1.append(try scalar(String(line.dropFirst(2)), number))
            } else if let colon = line.firstIndex(of: ":"), raw.first != " " {
                let rest = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                entries.append((String(line[..<colon]), rest.isEmpty || rest == "[]" ? [] : [try scalar(rest, number)]))
            } else {
                throw GuestFailure("yaml: line \(number + 1): could not find expected ':'")
            }
        }
        return entries
    }

    private static func scalar(_ text: String, _ line: Int) throws -> String {
        guard text.hasPrefix("\"") else { return text }
        guard let value = try? JSONDecoder().decode(String.self, from: Data(text.utf8)) else {
            throw GuestFailure("yaml: line \(line + 1): found unexpected end of stream")
        }
        return value
    }
}
