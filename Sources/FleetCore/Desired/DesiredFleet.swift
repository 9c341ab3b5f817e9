package import K3s
package import Shell

/// What a fleet file asks for, with every default filled in: past `resolve()` nothing is optional that a rule
/// would have to guess.
package struct DesiredFleet: Sendable, Hashable {
    package var cluster: DesiredCluster
    /// Servers first, then agents, each in the order of the file and of their number.
    package var nodes: [DesiredNode]
    package var limits: FleetLimits
    package var policy: Policy
    package var ssh: SSHSettings
    /// Nil is what the environment says, or HTTPS.
    package var transport: Transport?

    package init(
        cluster: DesiredCluster, nodes: [DesiredNode], limits: FleetLimits, policy: Policy, ssh: SSHSettings, transport: Transport? = nil
    ) {
        (self.cluster, self.nodes, self.limits, self.policy, self.ssh) = (cluster, nodes, limits, policy, ssh)
        self.transport = transport
    }
}

/// How exe.dev is spoken to: over HTTPS with an API token, or over SSH with a registered key.
package enum Transport: String, Sendable, CaseIterable { case https, ssh }

/// What all nodes of a fleet share.
package struct DesiredCluster: Sendable, Hashable {
    package let name: String
    /// The ownership mark that every VM of the fleet carries from the call that created it.
    package let tag: String

    package static func tag(of name: String) -> String { "fleet-\(name)" }
    package var k3s: K3sVersion
    package var upgradePath: UpgradePath
    /// The pods' network. exe.dev's own VMs sit in 10.42.0.0/16 (facts/exedev.md §6, Feb 2026), k3s's default, so it is always set.
    package var clusterCIDR: CIDR
    package var serviceCIDR: CIDR
    package var overlay: Overlay
    /// Packaged components of k3s that are switched off (`disable:`).
    package var disable: [String]
    /// Further keys for `/etc/rancher/k3s/config.yaml` of servers and of agents, legal for the role (checked by the spec).
    package var serverConfig: [String: ConfigValue]
    package var agentConfig: [String: ConfigValue]
    /// Nil: what the hosts have is left as it is.
    package var registries: Registries?
    /// Where its secrets are read from.
    package var registrySecrets: [SecretName: SecretReference]
    /// What a cluster is founded on, or brought to from sqlite. One that is on etcd stays there.
    package var datastore = Datastore.sqlite

    package init(
        name: String, k3s: K3sVersion, upgradePath: UpgradePath = UpgradePath(), clusterCIDR: CIDR, serviceCIDR: CIDR, overlay: Overlay,
        disable: [String],
        serverConfig: [String: ConfigValue], agentConfig: [String: ConfigValue], registries: Registries? = nil,
        registrySecrets: [SecretName: SecretReference] = [:]
    ) {
        (self.name, self.k3s, self.clusterCIDR, self.serviceCIDR) = (name, k3s, clusterCIDR, serviceCIDR)
        self.upgradePath = upgradePath
        (self.overlay, self.disable, self.serverConfig, self.agentConfig) = (overlay, disable, serverConfig, agentConfig)
        (self.registries, self.registrySecrets) = (registries, registrySecrets)
        tag = Self.tag(of: name)
    }
}

/// Where servers keep the state of a cluster.
package enum Datastore: String, Sendable, Hashable, CaseIterable {
    /// Of one server.
    case sqlite
    /// Embedded in each server.
    case etcd
}

/// The network that lets VMs reach each other; exe.dev has none of its own (facts/exedev.md §6, Mar 2026).
package enum Overlay: Sendable, Hashable {
    /// Tailscale, joined with a reusable, non-ephemeral, tagged key, or with an OAuth client's secret and tags.
    case tailscale(authKey: SecretReference, OverlayLogin = OverlayLogin())

    package var interface: String { "tailscale0" }

    package var login: OverlayLogin {
        switch self {
        case .tailscale(_, let login): login
        }
    }
}

/// Where a secret is read from at the moment it is needed; never the secret itself.
package enum SecretReference: Sendable, Hashable {
    case environment(String)
    /// Relative paths are resolved against the folder of the fleet file.
    case file(String)
}

/// One machine of the fleet and what it is to be.
package typealias DesiredNode = Shared<NodeWish>

/// What a `DesiredNode` holds.
package struct NodeWish: Sendable, Hashable {
    /// The VM's name, the guest's hostname and the Kubernetes node's name: one word for all three.
    package var name: String
    package var pool: String
    package var role: Role
    package var vm: VMSpec
    package var k3s: K3sVersion
    /// All labels the node must have, our own `exedev.dev/…` ones included.
    package let labels: [String: String]
    package let taints: [Taint]
    /// Which labels and taints these are, as it is noted on the node.
    let labelKeys: String
    let taintKeys: String
    /// Nil: the VM's sharing is left as it is.
    package var share: Share?
    /// What it is to answer there before the node is settled.
    package var probe: ShareProbe?
}

extension DesiredNode {
    package init(
        name: String, pool: String, role: Role, vm: VMSpec, k3s: K3sVersion, labels: [String: String], taints: [Taint], share: Share?,
        probe: ShareProbe? = nil
    ) {
        self.init(
            NodeWish(
                name: name, pool: pool, role: role, vm: vm, k3s: k3s, labels: labels, taints: taints,
                labelKeys: labels.keys.sorted().joined(separator: ","),
                taintKeys: taints.map(NodePatch.identity).sorted().joined(separator: ","), share: share, probe: probe))
    }
}

/// What `new` is asked for.
package struct VMSpec: Sendable, Hashable, Codable {
    package var image: String
    package var cpu: Int
    /// As exe.dev spells it: `4GB`, `8G`, `512MB`.
    package var memory: String
    package var disk: String
    /// Tags beside the ownership mark, sorted.
    package var tags: [String]
    /// Nil: whatever others write there stays.
    package var comment: String?

    package init(image: String, cpu: Int, memory: String, disk: String, tags: [String]) {
        (self.image, self.cpu, self.memory, self.disk, self.tags) = (image, cpu, memory, disk, tags)
    }
}

/// exe.dev's HTTPS proxy in front of a VM.
package struct Share: Sendable, Hashable, Codable {
    /// Nil: the platform's choice stays.
    package var port: Int?
    package var isPublic: Bool
    /// E-mail addresses with access, in lower case and sorted.
    package var users: [String]

    /// As exe.dev's VMs begin (doc:proxy: private by default).
    package static let initial = Share(port: nil, isPublic: false, users: [])

    package init(port: Int?, isPublic: Bool, users: [String]) {
        (self.port, self.isPublic, self.users) = (port, isPublic, users)
    }
}

package struct FleetLimits: Sendable, Hashable {
    /// VMs with our tag that may exist at any instant, creations in flight included.
    package var maxVMs: Int
    /// Nodes on their way out at a time at most.
    package var deletionsPerPass: Int
    /// Hosts worked on at the same time.
    package var hostsAtOnce: Int
    /// TCP connections to port 22 started in a minute; exe.dev drops SYNs for minutes after a burst (facts/exedev.md §5, Apr 2026).
    package var connectsPerMinute: Int
    /// Nodes of a pool that may be down by our doing at once.
    package var maxUnavailable: MaxUnavailable
    /// Above it no server is joined to another one.
    package var etcdRoundTripMilliseconds: Int

    package init(
        maxVMs: Int, deletionsPerPass: Int, hostsAtOnce: Int, connectsPerMinute: Int, maxUnavailable: MaxUnavailable,
        etcdRoundTripMilliseconds: Int = 10
    ) {
        (self.maxVMs, self.deletionsPerPass, self.hostsAtOnce) = (maxVMs, deletionsPerPass, hostsAtOnce)
        self.etcdRoundTripMilliseconds = etcdRoundTripMilliseconds
        (self.connectsPerMinute, self.maxUnavailable) = (connectsPerMinute, maxUnavailable)
    }
}

/// How many nodes of a pool.
package enum MaxUnavailable: Sendable, Hashable {
    case count(Int)
    /// Of the nodes that the file asks for.
    case percent(Int)

    /// Of a pool of `size` nodes; a share is rounded up, so that something may always be done.
    package func count(of size: Int) -> Int {
        switch self {
        case .count(let count): count
        case .percent(let percent): max(1, (size * percent + 99) / 100)
        }
    }
}

package struct Policy: Sendable, Hashable {
    /// Owned VMs that the file no longer asks for are drained and removed; without it they are only reported.
    package var prune: Bool
    package var drain: DrainPolicy
    /// Times in which nodes that serve may be taken down; empty is at any time.
    package var windows: [MaintenanceWindow]
    package var replace: ReplacePolicy

    package init(
        prune: Bool, drain: DrainPolicy = DrainPolicy(), windows: [MaintenanceWindow] = [], replace: ReplacePolicy = .never
    ) {
        (self.prune, self.drain, self.windows, self.replace) = (prune, drain, windows, replace)
    }
}

/// Which nodes are made again without an operator who asks for it: when they are dead, or when the file asks for another image.
package enum ReplacePolicy: String, Sendable, Hashable, CaseIterable {
    case never, agents, all
}

/// How the pods of a node are ended that is taken down; the words are those of `kubectl drain`.
package struct DrainPolicy: Sendable, Hashable {
    /// Also pods that nothing would start again.
    package var force = false
    /// Seconds after which a drain that cannot end is the operator's.
    package var timeout = 300
    /// Also pods whose emptyDir volumes are lost with them.
    package var deleteEmptyDir = true

    package init() {}
}

package struct SSHSettings: Sendable, Hashable {
    /// Nil: `EXE_DEV_SSH_KEY`, else the agent and the usual files of `~/.ssh`.
    package var keyFile: String?
    /// Nil: what exe.dev names in `ssh_user`, else `exedev`. A name that routes (`vm+NAME`) is taken in any case.
    package var user: String?
    package var hostKeys: HostKeyPolicy
    package var config: OpenSSHConfig

    package init(keyFile: String?, user: String?, hostKeys: HostKeyPolicy, config: OpenSSHConfig = .unused) {
        (self.keyFile, self.user, self.hostKeys, self.config) = (keyFile, user, hostKeys, config)
    }
}

/// Whether OpenSSH's own configuration (ssh_config(5)) is asked about each host.
package enum OpenSSHConfig: Sendable, Hashable {
    case unused
    /// The user's and the system's files.
    case usual
    case file(String)
}

/// How a host is proved before it is touched.
package enum HostKeyPolicy: Sendable, Hashable {
    /// `EXE_DEV_KNOWN_HOSTS` or `~/.ssh/known_hosts`.
    case standard
    /// `SHA256:…` fingerprints; every VM must show one of them (exe.dev's SSH proxy shows one key for all).
    case fingerprints([String])
    case knownHosts(file: String)
    /// The first key observed for a host is written down and required from then on. Said out loud in the file, never a default.
    case trustOnFirstUse
}
