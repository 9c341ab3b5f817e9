import K3s

/// What must be the same on all servers of a cluster (facts/k3s.md §3.1): one that starts with another value ends with "critical configuration
/// value mismatch between servers". One server alone may change them; several cannot, one after the other. Those of `FoundingValues` are as
/// critical, and no server may change them.
enum CriticalValues {
    static let keys = [
        "disable-cloud-controller", "disable-helm-controller", "disable-kube-proxy", "disable-network-policy", "egress-selector-mode",
        "embedded-registry",
    ]
    /// `cluster.disable`.
    static let disable = "disable"

    /// Those that are set.
    static func of(_ config: [String: ConfigValue], disable components: [String]) -> [String: ConfigValue] {
        var values = config.filter { keys.contains($0.key) }
        if !components.isEmpty { values[disable] = .list(components.sorted()) }
        return values
    }

    /// What `wish` asks for otherwise than the servers have. To write a default down is no change.
    static func changes(_ present: [String: ConfigValue], _ wish: [String: ConfigValue]) -> [FoundingChange] {
        (keys + [disable]).compactMap { key in
            let (from, to) = (text(key, present[key]), text(key, wish[key]))
            return from == to ? nil : FoundingChange(key: key, value: from)
        }
    }

    /// As k3s takes it (docs.k3s.io/cli/server).
    private static func text(_ key: String, _ value: ConfigValue?) -> String {
        if let value { return value.text }
        return switch key {
        case "egress-selector-mode": "agent"
        case disable: ""
        default: "false"
        }
    }
}
