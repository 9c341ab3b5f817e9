import FleetCore

/// The steps of a fleet as a work queue in the sense of client-go: an item is a step on a node. It is added when it could be started,
/// leaves the queue when it is started or no longer needed, and is done with its outcome. A step in back-off is no item.
struct WorkQueue: Sendable {
    private struct Item: Hashable, Sendable {
        var node: String
        var step: StepKind

        init(_ action: Action) { (node, step) = (action.node, action.kind) }
    }

    /// When each waiting item was added.
    private var ready: [Item: Double] = [:]
    /// The running step of each node, and when it was started.
    private var begun: [String: (step: StepKind, at: Double)] = [:]
    /// The last step of each node, if it failed.
    private var failed: [String: StepKind] = [:]

    private(set) var adds = 0
    private(set) var retries = 0
    /// Seconds that items waited in the queue.
    private(set) var waits = Histogram()
    /// Seconds from the start of a step to its outcome.
    private(set) var works = Histogram()

    var depth: Int { ready.count }

    /// Seconds that each running item has taken so far.
    func unfinished(_ uptime: Double) -> [Double] { begun.values.map { max(0, uptime - $0.at) } }

    mutating func wait(_ actions: [Action], _ uptime: Double) {
        let items = Set(actions.map(Item.init))
        ready = ready.filter { items.contains($0.key) }
        for item in items where ready[item] == nil {
            ready[item] = uptime
            adds += 1
        }
    }

    /// A step that is started at once was never reported as waiting.
    mutating func begin(_ action: Action, _ uptime: Double) {
        let since = ready.removeValue(forKey: Item(action))
        adds += since == nil ? 1 : 0
        waits.observe(uptime - (since ?? uptime))
        retries += failed.removeValue(forKey: action.node) == action.kind ? 1 : 0
        begun[action.node] = (action.kind, uptime)
    }

    /// The step that ended; nil when none was running on that node.
    mutating func end(_ node: String, isDone: Bool, _ uptime: Double) -> StepKind? {
        guard let (step, at) = begun.removeValue(forKey: node) else { return nil }
        works.observe(uptime - at)
        failed[node] = isDone ? nil : step
        return step
    }

    /// Nothing waits or runs between passes. `nodes`: the nodes of the plan, if there is one.
    mutating func endPass(nodes: Set<String>?) {
        (ready, begun) = ([:], [:])
        if let nodes { failed = failed.filter { nodes.contains($0.key) } }
    }
}
