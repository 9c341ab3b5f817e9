package import K3s

/// What was observed of the world in this run, and nothing remembered from an earlier one.
package struct Observation: Sendable {
    /// Every VM that the account shows, by name. Nil until the platform has answered: what was not listed yet is not missing.
    package var vms: [String: ObservedVM]?
    /// What the inside of a VM said, by VM name.
    package var hosts: [String: ObservedHost] = [:]
    /// How exe.dev's proxy shows a VM, by VM name, with everybody who has access.
    package var shares: [String: Share] = [:]
    /// What VMs answered behind it.
    package var answers: [ShareQuestion: ShareAnswer] = [:]
    /// Its nodes stand in the order of their names, in which they are found.
    package var cluster: ObservedCluster = .unseen {
        didSet { cluster.sort() }
    }
    /// Which server answered for the cluster, and which ones did not.
    package var inquiry = Inquiry()
    /// Nodes that an action of ours changed after the cluster was read: of these the reading says nothing any more.
    package var outdated: Set<String> = []

    package init() {}

    /// The Kubernetes node of that name, if the cluster was read.
    package func node(_ name: String) -> NodeReading? {
        guard case .read(let reading) = cluster else { return nil }
        var (low, high) = (0, reading.nodes.count)
        while low < high {
            let middle = (low + high) / 2
            if reading.nodes[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < reading.nodes.count && reading.nodes[low].name == name ? reading.nodes[low] : nil
    }

    /// Whether the cluster's list of Nodes was read. One whose API does not answer lists none.
    package var hasReadNodes: Bool { if case .read(let reading) = cluster { reading.apiReady } else { false } }

    package mutating func note(_ vm: ObservedVM) {
        vms?[vm.name] = vm
    }
}

/// A VM as exe.dev lists it.
package typealias ObservedVM = Shared<VMFields>

/// What an `ObservedVM` holds.
package struct VMFields: Sendable, Hashable {
    package enum Status: Sendable, Hashable {
        case running, starting, stopped, paused
        /// It will not come up by itself.
        case failed(String)
        /// A word that exe.dev may start to use; treated as "not ready".
        case other(String)
    }

    package var name: String
    package var status: Status
    package var tags: [String]
    package var address: Address
    package var createdAt: String?
    package var url: String?
    package var size = Size()
    /// Empty where there is none.
    package var comment = ""

    /// What exe.dev tells of it; each part may be missing (facts/exedev.md §1.2).
    package struct Size: Sendable, Hashable, Codable {
        package var cpu: Int?
        package var memoryBytes: Int?
        package var diskBytes: Int?

        package init(cpu: Int? = nil, memoryBytes: Int? = nil, diskBytes: Int? = nil) {
            (self.cpu, self.memoryBytes, self.diskBytes) = (cpu, memoryBytes, diskBytes)
        }
    }

    /// Where the VM answers SSH.
    package struct Address: Sendable, Hashable {
        package var host: String
        /// Nil: the transport's default.
        package var port: Int?
        /// Nil: any name works.
        package var user: String?

        package init(host: String, port: Int?, user: String?) {
            (self.host, self.port, self.user) = (host, port, user)
        }
    }
}

extension ObservedVM {
    package typealias Status = VMFields.Status
    package typealias Address = VMFields.Address

    package init(name: String, status: Status, tags: [String], address: Address, createdAt: String?, url: String?) {
        self.init(VMFields(name: name, status: status, tags: tags, address: address, createdAt: createdAt, url: url))
    }
}

package enum ObservedHost: Sendable, Hashable {
    case probed(HostProbe)
    /// Nothing could be learnt; the reason is worth another try.
    case unreachable(String)
    /// It answered and must not be touched: wrong key, wrong host, login refused.
    case refused(String, advice: String)
    /// It let none of our keys in, as one that has just booted may for a moment.
    case loginRefused(String, advice: String)
}

extension ObservedHost {
    /// Why it could not be looked into.
    package var failure: String? {
        switch self {
        case .probed: nil
        case .unreachable(let reason), .refused(let reason, _), .loginRefused(let reason, _): reason
        }
    }

    /// Its overlay address, as the host says.
    package var overlay: String? {
        guard case .probed(let probe) = self, case .up(let address) = probe.overlay else { return nil }
        return address
    }
}

package indirect enum ObservedCluster: Sendable, Hashable {
    case unseen
    case unreachable(String)
    case read(ClusterReading)

    /// kubectl and the simulator list them so already.
    fileprivate mutating func sort() {
        guard case .read(var reading) = self else { return }
        let isSorted = zip(reading.nodes, reading.nodes.dropFirst()).allSatisfy { $0.name < $1.name }
        guard !isSorted else { return }
        reading.nodes.sort { $0.name < $1.name }
        self = .read(reading)
    }
}
