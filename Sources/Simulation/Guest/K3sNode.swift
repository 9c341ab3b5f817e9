import Foundation

/// What a server and an agent have in common: a node that registers, brings up its network and keeps saying that it lives.
struct K3sNode {
    static let heartbeat = Duration.seconds(5)

    let name: String
    let address: String
    let config: K3sConfig

    /// Refuses what makes the real one exit: an interface without the address, a reserved label (facts/k3s.md §7, §13).
    init(_ config: K3sConfig) throws {
        self.config = config
        name = (config["node-name"] ?? ProcessInfo.processInfo.hostName).lowercased()
        let interface = config["flannel-iface"] ?? "eth0"
        let present = GuestHost.addresses(of: interface)
        guard let address = config["node-ip"] ?? present.first, present.contains(address) else {
            throw GuestFailure("level=fatal msg=\"flannel exited: failed to find IPv4 address for interface \(interface)\"")
        }
        self.address = address
        for label in config.list("node-label") where label.contains("kubernetes.io/") {
            throw GuestFailure("level=fatal msg=\"kubelet exited: unknown 'kubernetes.io' or 'k8s.io' labels specified: \(label)\"")
        }
    }

    var registration: ClusterModel.Registration {
        var labels: [String: String] = [:]
        for label in config.list("node-label") {
            let halves = label.split(separator: "=", maxSplits: 1).map(String.init)
            labels[halves[0]] = halves.count == 2 ? halves[1] : ""
        }
        let taints = config.list("node-taint").map { text in
            let halves = text.split(separator: ":").map(String.init)
            let pair = halves[0].split(separator: "=", maxSplits: 1).map(String.init)
            return ClusterModel.Taint(key: pair[0], value: pair.count == 2 ? pair[1] : nil, effect: halves.last ?? "")
        }
        return ClusterModel.Registration(
            name: name, isServer: config.role == .server, address: address, version: GuestProgram.version, labels: labels, taints: taints,
            arguments: config.shownArguments)
    }

    /// Made at the first registration and never again; a VM built again has another (facts/k3s.md §6.1).
    func password() throws -> String {
        try GuestHost.keep("/etc/rancher/node/password") { GuestHost.random() }
    }

    /// The bridge of the pods takes the first address of the node's range. When that is the VM's own gateway, the VM is cut off for good.
    func startNetwork(gateway: String) throws {
        guard GuestHost.addresses(of: "cni0").isEmpty else { return }
        _ = GuestHost.ip("link", "add", "cni0", "type", "bridge")
        guard GuestHost.ip("addr", "add", gateway + "/24", "dev", "cni0"), GuestHost.ip("link", "set", "cni0", "up") else {
            throw GuestFailure("level=fatal msg=\"cannot bring up cni0\"")
        }
    }
}
