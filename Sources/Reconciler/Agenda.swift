import FleetCore

/// What the lines of a plan call for while nothing new happens. A node that is being worked on calls for nothing.
struct Agenda {
    /// What is to be looked at, with the seconds until that is worth doing again, in an order of their own, for a seed must replay.
    private(set) var looks: [(look: Look, interval: Double)] = []
    /// Lines whose action can be begun.
    private(set) var ready: [Int] = []
    /// Seconds after which a wait is worth judging again that no look will tell of.
    private(set) var rest = Double.infinity
    /// When the first wait ends by itself, in seconds since 1970.
    private(set) var end = Double.infinity

    private static let evidenceInterval = 10.0

    /// `isServerUnread`: the cluster may answer and was not read. It is read first then: one read tells about every node, so no host need be asked.
    init(_ plan: Plan, acting: [String: Action], seen: Observation, repeats: Bool, isServerUnread: Bool) {
        var (vms, cluster) = (seen.vms == nil ? 1 : Double.infinity, Double.infinity)
        var hosts: [(look: Look, interval: Double)] = []
        func want(_ look: Look, _ interval: Double) {
            switch look {
            case .vms: vms = min(vms, interval)
            case .cluster: cluster = min(cluster, interval)
            case .host: hosts.append((look, interval))
            case .nothing: break
            }
        }
        for (index, line) in plan.lines.enumerated() {
            switch line.decision {
            case .act where acting[line.node] == nil: ready.append(index)
            case .wait(let wait) where acting[line.node] == nil:
                want(wait.look, wait.interval)
                if wait.look == .nothing { (rest, end) = (min(rest, wait.interval), min(end, wait.end)) }
                if repeats, let evidence = wait.evidence { want(evidence, Self.evidenceInterval) }
            default: break
            }
        }
        if isServerUnread { (cluster, hosts) = (0.5, []) }
        if vms.isFinite { looks.append((.vms, vms)) }
        if cluster.isFinite { looks.append((.cluster, cluster)) }
        looks += hosts.count > 1 ? hosts.sorted { $0.look < $1.look } : hosts
    }
}
