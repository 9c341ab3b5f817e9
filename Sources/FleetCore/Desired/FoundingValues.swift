import K3s

/// Keys of `serverConfig` that a cluster keeps from its founding on (facts/k3s.md §3.1, §3.2, §11).
enum FoundingValues {
    static let keys = ["cluster-dns", "cluster-domain", "flannel-backend", "secrets-encryption", "service-node-port-range"]

    /// Those that are set.
    static func of(_ config: [String: ConfigValue]) -> [String: ConfigValue] { config.filter { keys.contains($0.key) } }

    /// What `config` asks for otherwise than the cluster was founded with. To write a default down is no change.
    static func changes(_ founding: [String: ConfigValue], _ config: [String: ConfigValue], _ serviceCIDR: String) -> [FoundingChange] {
        keys.compactMap { key in
            if founding[key] == config[key] { return nil }
            let (from, to) = (text(key, founding[key], serviceCIDR), text(key, config[key], serviceCIDR))
            if from == to || key == "service-node-port-range" && isWider(to, than: from) { return nil }
            return FoundingChange(key: key, value: from)
        }
    }

    /// As k3s takes it (docs.k3s.io/cli/server).
    private static func text(_ key: String, _ value: ConfigValue?, _ serviceCIDR: String) -> String {
        if let value { return value.text }
        return switch key {
        case "cluster-dns": CIDR(serviceCIDR)?.host(10) ?? ""
        case "cluster-domain": "cluster.local"
        case "flannel-backend": "vxlan"
        case "secrets-encryption": "false"
        default: "30000-32767"
        }
    }

    /// The ports that services have stay theirs.
    private static func isWider(_ range: String, than other: String) -> Bool {
        guard let range = ports(range), let other = ports(other) else { return false }
        return range.lowerBound <= other.lowerBound && range.upperBound >= other.upperBound
    }

    private static func ports(_ text: String) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
        return first...last
    }
}

/// A value that the file asks for otherwise than the cluster has it, and that stays: one of `FoundingValues` or of `CriticalValues`.
package struct FoundingChange: Sendable, Hashable {
    /// Of `serverConfig`, or `CriticalValues.disable`.
    package var key: String
    /// Which stays.
    package var value: String

    package init(key: String, value: String) { (self.key, self.value) = (key, value) }
}

extension ConfigValue {
    var text: String {
        switch self {
        case .string(let text): text
        case .integer(let number): "\(number)"
        case .boolean(let flag): "\(flag)"
        case .list(let items): items.joined(separator: ",")
        }
    }
}
