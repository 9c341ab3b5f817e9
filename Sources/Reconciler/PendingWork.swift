import FleetCore

/// The work that a plan leaves for this turn of the loop, in the plan's order. A node that is being worked on has none.
struct PendingWork {
    /// Seconds until the VMs, and the cluster, are worth being read again; infinite when nothing waits for it.
    private(set) var vms = Double.infinity
    private(set) var cluster = Double.infinity
    /// By name, sorted, for a seed must replay.
    private(set) var hosts: [(name: String, interval: Double)] = []
    /// In the plan's order.
    private(set) var webs: [(question: ShareQuestion, interval: Double)] = []
    /// The actions that can be begun.
    private(set) var actions: [Action] = []

    private static let diagnosticsInterval = 10.0
    private static let readingInterval = 0.5

    /// To read the cluster and nothing else.
    static let reading = PendingWork(cluster: readingInterval)

    /// `isServerUnread`: the cluster may answer and was not read. One read tells about every node, so it comes first and no host is probed.
    init(_ plan: Plan, busy: Set<String>, isListed: Bool, repeats: Bool, isServerUnread: Bool) {
        (vms, cluster) = (isListed ? .infinity : 1, isServerUnread ? Self.readingInterval : .infinity)
        for item in plan.items where !busy.contains(item.node) {
            switch item.decision {
            case .act(let action, _): actions.append(action)
            case .wait(let wait):
                want(wait.read, wait.interval, isServerUnread)
                if repeats, let diagnostics = wait.diagnostics { want(diagnostics, Self.diagnosticsInterval, isServerUnread) }
            case .settled, .blocked, .reported: break
            }
        }
        hosts.sort { $0.name < $1.name }
    }

    private init(cluster: Double) { self.cluster = cluster }

    private mutating func want(_ target: ReadTarget, _ interval: Double, _ isServerUnread: Bool) {
        switch target {
        case .vms: vms = min(vms, interval)
        case .cluster: if !isServerUnread { cluster = min(cluster, interval) }
        case .host(let name): if !isServerUnread { hosts.append((name, interval)) }
        case .web(let question): webs.append((question, interval))
        // No plan waits for it.
        case .share, .nothing: break
        }
    }
}
