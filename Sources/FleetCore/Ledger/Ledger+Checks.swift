import K3s
import Shell

/// What this program never writes, and an editor may.
extension Ledger {
    /// The first thing that is not this fleet's, with its place; nil for a good ledger. `fleet`: the fleet file's, if it is known.
    package func oddity(in cluster: String, fleet: DesiredFleet?) -> String? {
        if self.cluster != cluster {
            return "cluster: it is \(OutsideText.line(self.cluster))'s ledger, and this folder is \(cluster)'s"
        }
        if let problem = rangesProblem { return problem }
        guard let founder, let fleet else { return nil }
        let role = fleet.nodes.first { $0.name == founder }?.role
        if role == .agent { return "founder: \(founder) is an agent, and only a server founds a cluster" }
        return role == nil && nodes[founder] == nil ? "founder: neither it nor the fleet file has a node \(OutsideText.line(founder))" : nil
    }

    /// What the fleet file could not ask for either: k3s would be configured with it.
    private var rangesProblem: String? {
        guard let pods = CIDR(clusterCIDR) else { return "clusterCIDR: \(OutsideText.line(clusterCIDR)) is no IPv4 network" }
        guard let services = CIDR(serviceCIDR) else { return "serviceCIDR: \(OutsideText.line(serviceCIDR)) is no IPv4 network" }
        if let problem = pods.unfitness { return "clusterCIDR: \(pods) \(problem)" }
        if let problem = services.unfitness ?? services.unfitnessOfServices { return "serviceCIDR: \(services) \(problem)" }
        return services.overlap(withPods: pods)
    }

    /// With what failed in one harmless line: until November 2026 it was stored as hosts and exe.dev said it.
    package var cleaned: Ledger {
        var ledger = self
        for (node, attempt) in attempts { ledger.attempts[node]?.failure = OutsideText.line(attempt.failure, limit: 1 << 30) }
        return ledger
    }
}

extension JSONValue {
    /// The place of a text that would do something to a terminal, as in `nodes.web-n1.createdAt`; nil when there is none. What failed is left out:
    /// it is cleaned.
    package func placeOfControlText(below path: [String] = []) -> String? {
        func isPlain(_ text: String) -> Bool { OutsideText.line(text, limit: 1 << 30) == text }
        switch self {
        case .string(let text): return isPlain(text) || path.last == "failure" ? nil : Self.place(path)
        case .array(let values):
            return values.enumerated().lazy.compactMap { $0.element.placeOfControlText(below: path + ["\($0.offset)"]) }.first
        case .object(let fields):
            return fields.sorted { $0.key < $1.key }.lazy.compactMap { key, value in
                isPlain(key) ? value.placeOfControlText(below: path + [key]) : Self.place(path + [key])
            }.first
        case .null, .bool, .integer, .double: return nil
        }
    }

    private static func place(_ path: [String]) -> String { OutsideText.line(path.joined(separator: ".")) }
}
