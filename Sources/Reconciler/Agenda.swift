import FleetCore

/// What the lines of a plan call for while nothing new happens. A node that is being worked on calls for nothing.
struct Agenda {
    /// What is to be looked at, with the seconds until that is worth doing again, in an order of their own, for a seed must replay.
    private(set) var looks: [(look: Look, interval: Double)] = []
    /// Lines whose action can be begun.
    private(set) var ready: [Int] = []
    /// Lines whose node is being worked on.
    private(set) var isBusy: [Bool] = []

    private static let evidenceInterval = 10.0

    init() {}

    /// `isServerUnread`: the cluster may answer and was not read. It is read first then: one read tells about every node, so no host need be asked.
    init(_ plan: Plan, busy: [Int], isListed: Bool, repeats: Bool, isServerUnread: Bool) {
        isBusy = Array(repeating: false, count: plan.lines.count)
        for index in busy { isBusy[index] = true }
        var (vms, cluster) = (isListed ? Double.infinity : 1, Double.infinity)
        var hosts: [(look: Look, interval: Double)] = []
        func want(_ look: Look, _ interval: Double) {
            switch look {
            case .vms: vms = min(vms, interval)
            case .cluster: cluster = min(cluster, interval)
            case .host: hosts.append((look, interval))
            case .nothing: break
            }
        }
        for index in plan.lines.indices where !isBusy[index] {
            switch plan.lines[index].decision {
            case .act: ready.append(index)
            case .wait(let wait):
                want(wait.look, wait.interval)
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
