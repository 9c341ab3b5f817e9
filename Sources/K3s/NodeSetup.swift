/// Everything that decides how k3s is configured on one node.
package struct NodeSetup: Sendable, Hashable {
    package var name: String
    package var role: Role
    package var clusterName: String
    package var clusterID: String
    package var overlayInterface: String
    package var overlayAddress: String
    package var clusterCIDR: String
    package var serviceCIDR: String
    package var disable: [String]
    package var extra: [String: ConfigValue]
    /// Agents, and servers of which there are several: the overlay address of a server to join. A member does not need it any more
    /// (facts/k3s.md §5.6).
    package var serverAddress: String?
    /// It founds the cluster on etcd, or brings one server's sqlite there. No file has it for longer: a server that lost its data
    /// would found a second cluster (facts/k3s.md §5.3).
    package var initializesEtcd = false
    /// Above it a server does not join another one.
    package var roundTripLimit = 10
    /// Agents, and servers that join: sha256 of the cluster's CA certificate, so that a join token proves the server too (facts/k3s.md §4).
    package var caHash: String?
    /// Applied at the first registration, so that no pod lands before kubectl has shaped the node.
    package var taints: [Taint]
    /// Nil: none are written.
    package var registries: Registries?
    /// A digest of their secrets.
    package var registrySecrets: String

    package init(
        name: String, role: Role, clusterName: String, clusterID: String, overlayInterface: String,
        overlayAddress: String, clusterCIDR: String, serviceCIDR: String, disable: [String], extra: [String: ConfigValue],
        serverAddress: String?, caHash: String?, taints: [Taint], registries: Registries? = nil, registrySecrets: String = ""
    ) {
        (self.name, self.role, self.clusterName, self.clusterID) = (name, role, clusterName, clusterID)
        (self.overlayInterface, self.overlayAddress) = (overlayInterface, overlayAddress)
        (self.clusterCIDR, self.serviceCIDR, self.disable, self.extra) = (clusterCIDR, serviceCIDR, disable, extra)
        (self.serverAddress, self.caHash, self.taints) = (serverAddress, caHash, taints)
        (self.registries, self.registrySecrets) = (registries, registrySecrets)
    }

    /// `/etc/rancher/k3s/config.yaml`. Two schemas: a server skips an unknown key with a warning, an agent crash-loops on it
    /// (facts/k3s.md §2), so an agent's file has only what agents know.
    package func configFile() -> String {
        "# Written by exedev-k8s for the cluster \(clusterName); changes made here are undone.\n" + settings
    }

    /// What a restart of k3s would change: the settings but for taints, whatever the comments in the file. Its first line is that of the files of
    /// ledgers of schema 1, so that their digests stay good.
    package var meaning: String { meaning(of: lastingSettings) }

    /// What older ledgers have the digest of: taints counted before December 2026, and until then the server of an agent.
    package var formerMeanings: [String] {
        let isAgent = role == .agent
        let former = [settings(taints: taints, hasEntrance: isAgent)] + (isAgent ? [settings(taints: [], hasEntrance: true)] : [])
        return former.map(meaning)
    }

    private func meaning(of settings: String) -> String {
        let registries = self.registries.map { $0.meaning + "# secrets: \(registrySecrets)\n" } ?? ""
        return "# Written by exedev-k8s for the cluster \(clusterName); changes made here are undone.\n" + settings + registries
    }

    /// The file without its comments: what `ProbeFields.configHash` is of.
    package var settings: String { settings(taints: taints) }

    /// Without its taints, which k3s gives to a node when it first registers (facts/k3s.md §7), and without what counts only while it is no
    /// member: what `ProbeFields.settingsHash` is of.
    package var lastingSettings: String { settings(taints: [], hasEntrance: false) }

    /// By which way it comes into the cluster: `cluster-init`, the address of a server, or none.
    package var entrance: String { initializesEtcd ? Self.founding : serverAddress ?? "" }
    package static let founding = "cluster-init"

    /// As bytes, for it is rendered for every node at every plan, and putting a String together is most of that.
    private func settings(taints: [Taint], hasEntrance: Bool = true) -> String {
        var keys: [(name: String, value: ConfigValue)] = [
            ("node-name", .string(name)), ("node-ip", .string(overlayAddress)), ("flannel-iface", .string(overlayInterface)),
        ]
        if !taints.isEmpty { keys.append(("node-taint", .list(taints.sorted().map(\.description)))) }
        switch role {
        case .server: keys += serverKeys
        case .agent: keys += [("token-file", .string(HostPath.agentToken))]
        }
        if hasEntrance { keys += entranceKeys }
        for (name, value) in extra where !keys.contains(where: { $0.name == name }) { keys.append((name, value)) }
        keys.sort { $0.name < $1.name }
        var file: [UInt8] = []
        file.reserveCapacity(1024)
        for (name, value) in keys {
            file += name.utf8
            file.append(UInt8(ascii: ":"))
            Self.add(value, to: &file)
            file.append(UInt8(ascii: "\n"))
        }
        return String(decoding: file, as: UTF8.self)
    }

    private var entranceKeys: [(name: String, value: ConfigValue)] {
        let server = serverAddress ?? (role == .agent ? "" : nil)
        return (initializesEtcd ? [(Self.founding, .boolean(true))] : [])
            + (server.map { [("server", .string("https://\($0):6443"))] } ?? [])
    }

    private var serverKeys: [(name: String, value: ConfigValue)] {
        var sans = [overlayAddress]
        if case .list(let more) = extra["tls-san"] { sans += more }
        return [
            ("advertise-address", .string(overlayAddress)), ("cluster-cidr", .string(clusterCIDR)), ("service-cidr", .string(serviceCIDR)),
            ("token-file", .string(HostPath.token)), ("agent-token-file", .string(HostPath.agentToken)),
            ("write-kubeconfig-mode", .string("0600")), ("tls-san", .list(sans)),
        ] + (disable.isEmpty ? [] : [("disable", .list(disable.sorted()))])
    }

    private static func add(_ value: ConfigValue, to file: inout [UInt8]) {
        switch value {
        case .string(let text):
            file.append(UInt8(ascii: " "))
            addQuoted(text, to: &file)
        case .integer(let number): file += " \(number)".utf8
        case .boolean(let flag): file += " \(flag)".utf8
        case .list(let items):
            if items.isEmpty { file += " []".utf8 }
            for item in items {
                file += "\n  - ".utf8
                addQuoted(item, to: &file)
            }
        }
    }

    /// JSON, and YAML of one reading: go-yaml refuses some characters as they are and takes others for the end of a line.
    static func doubleQuoted(_ text: String) -> String {
        var quoted: [UInt8] = []
        addQuoted(text, to: &quoted)
        return String(decoding: quoted, as: UTF8.self)
    }

    private static func addQuoted(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        let isPlain = text.utf8.allSatisfy { (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        out += isPlain ? text.utf8 : escaped(text).utf8
        out.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
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
        return out
    }
}

/// What we write down at a Node: the only annotations that are read back.
package enum NodeAnnotation {
    package static let managedLabels = "exedev.dev/managed-labels"
    package static let managedTaints = "exedev.dev/managed-taints"
    package static let removing = "exedev.dev/removing"
    /// Of a node that was cordoned for maintenance and comes back; `yes` where the cordon is ours to lift.
    package static let maintenance = "exedev.dev/maintenance"

    /// Of any of them, for awk.
    static let pattern = [managedLabels, managedTaints, removing, maintenance].map {
        $0.split(separator: ".").joined(separator: "[.]").split(separator: "/").joined(separator: "\\/")
    }.joined(separator: "|")
}

/// Where things stand on a host.
package enum HostPath {
    package static let cluster = "/etc/rancher/exedev/cluster"
    package static let token = "/etc/rancher/exedev/token"
    /// Held by the script that is at work on the host.
    package static let lock = "/run/exedev-k8s.lock"
    /// Of a server: each is held by the script that changes the node of its name in the cluster.
    package static let nodeLocks = "/run/exedev-k8s.nodes"
    /// The cluster, and the highest fencing number that was obeyed for it.
    package static let fence = "/var/lib/exedev-k8s/fence"
    package static let fenceLock = "/run/exedev-k8s.fence.lock"
    package static let agentToken = "/etc/rancher/exedev/agent-token"
    package static let config = "/etc/rancher/k3s/config.yaml"
    package static let binary = "/usr/local/bin/k3s"
    /// Of the cluster's administrator; k3s writes it on a server when it starts.
    static let kubeconfig = "/etc/rancher/k3s/k3s.yaml"
    /// The checksums of what an install wrote beside `config`: the unit, our drop-in and its script, the tokens.
    package static let written = "/var/lib/exedev-k8s/written.sha256"
    /// The checksums of the files that k3s was started with, in /run: a boot starts it anew.
    package static let started = "/run/exedev-k8s-started"
    /// k3s was stopped and the disk flushed for a restart of the VM; in /run.
    package static let flushed = "/run/exedev-k8s-flushed"
    /// k3s reads the files in it after `config`, and what they say counts.
    static let configFolder = "/etc/rancher/k3s/config.yaml.d"
    static let newBinary = "/usr/local/bin/.k3s.new"
    /// The verified binary of an upgrade to come, and the one of before it; beside `binary`, so that each takes its place by rename.
    package static let stagedBinary = "/usr/local/bin/.k3s.staged"
    package static let formerBinary = "/usr/local/bin/.k3s.former"
    static let newInstaller = "/var/lib/exedev-k8s/install.sh.new"
    package static let installer = "/var/lib/exedev-k8s/install.sh"
    package static let waitOverlay = "/usr/local/libexec/exedev-k8s/wait-overlay"
}
