/// Everything that decides how k3s is configured on one node.
package struct NodeSetup: Sendable, Hashable {
    package var name: String
    package var role: Role
    package var version: K3sVersion
    package var clusterName: String
    package var clusterID: String
    package var overlayInterface: String
    package var overlayAddress: String
    package var clusterCIDR: String
    package var serviceCIDR: String
    package var disable: [String]
    package var extra: [String: ConfigValue]
    /// Agents: the overlay address of the server.
    package var serverAddress: String?
    /// Agents: sha256 of the cluster's CA certificate, so that a join token proves the server too (facts/k3s.md §4).
    package var caHash: String?
    /// Applied at the first registration, so that no pod lands before kubectl has shaped the node.
    package var taints: [Taint]

    package init(
        name: String, role: Role, version: K3sVersion, clusterName: String, clusterID: String, overlayInterface: String,
        overlayAddress: String, clusterCIDR: String, serviceCIDR: String, disable: [String], extra: [String: ConfigValue],
        serverAddress: String?, caHash: String?, taints: [Taint]
    ) {
        (self.name, self.role, self.version, self.clusterName, self.clusterID) = (name, role, version, clusterName, clusterID)
        (self.overlayInterface, self.overlayAddress) = (overlayInterface, overlayAddress)
        (self.clusterCIDR, self.serviceCIDR, self.disable, self.extra) = (clusterCIDR, serviceCIDR, disable, extra)
        (self.serverAddress, self.caHash, self.taints) = (serverAddress, caHash, taints)
    }

    /// `/etc/rancher/k3s/config.yaml`. Two schemas: a server skips an unknown key with a warning, an agent crash-loops on it
    /// (facts/k3s.md §2), so an agent's file has only what agents know.
    package func configFile() -> String {
        var keys = extra
        keys["node-name"] = .string(name)
        keys["node-ip"] = .string(overlayAddress)
        keys["flannel-iface"] = .string(overlayInterface)
        if !taints.isEmpty { keys["node-taint"] = .list(taints.sorted().map(\.description)) }
        switch role {
        case .server:
            keys["advertise-address"] = .string(overlayAddress)
            keys["cluster-cidr"] = .string(clusterCIDR)
            keys["service-cidr"] = .string(serviceCIDR)
            keys["token-file"] = .string(HostPath.token)
            keys["agent-token-file"] = .string(HostPath.agentToken)
            keys["write-kubeconfig-mode"] = .string("0600")
            var sans = [overlayAddress]
            if case .list(let more) = extra["tls-san"] { sans += more }
            keys["tls-san"] = .list(sans)
            if !disable.isEmpty { keys["disable"] = .list(disable.sorted()) }
        case .agent:
            keys["server"] = .string("https://\(serverAddress ?? ""):6443")
            keys["token-file"] = .string(HostPath.agentToken)
        }
        let head = "# Written by exedev-k8s for the cluster \(clusterName); changes made here are undone.\n"
        return keys.sorted { $0.key < $1.key }.reduce(into: head) { $0 += $1.key + ":" + Self.yaml($1.value) + "\n" }
    }

    /// Identifies the configuration; it changes exactly when a restart of k3s is called for.
    package var configHash: String { sha256Hex(configFile()) }

    private static func yaml(_ value: ConfigValue) -> String {
        switch value {
        case .string(let text): " " + doubleQuoted(text)
        case .integer(let number): " \(number)"
        case .boolean(let flag): " \(flag)"
        case .list(let items): items.isEmpty ? " []" : items.map { "\n  - " + doubleQuoted($0) }.joined()
        }
    }

    /// JSON, and YAML of one reading: go-yaml refuses some characters as they are and takes others for the end of a line.
    static func doubleQuoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain { return "\"" + text + "\"" }
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}", "\u{feff}", "\u{fffe}", "\u{ffff}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// Where things stand on a host.
package enum HostPath {
    package static let cluster = "/etc/rancher/exedev/cluster"
    package static let token = "/etc/rancher/exedev/token"
    /// Held by the script that is at work on the host.
    package static let lock = "/run/exedev-k8s.lock"
    package static let agentToken = "/etc/rancher/exedev/agent-token"
    package static let config = "/etc/rancher/k3s/config.yaml"
    package static let binary = "/usr/local/bin/k3s"
    static let newBinary = "/usr/local/bin/.k3s.new"
    static let newInstaller = "/var/lib/exedev-k8s/install.sh.new"
    package static let installer = "/var/lib/exedev-k8s/install.sh"
    package static let waitOverlay = "/usr/local/libexec/exedev-k8s/wait-overlay"
}
