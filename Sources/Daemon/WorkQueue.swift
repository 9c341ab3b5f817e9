import FleetCore

/// The steps of a fleet as a work queue, in the words of client-go: an item is a step on a node. It is added when it could be begun, leaves the
/// queue when it is begun or no longer asked for, and is done when its outcome is told. A step that failed is no item while its back-off lasts.
struct WorkQueue: Sendable {
    private struct Item: Hashable, Sendable {
        var node: String
        var step: StepKind

        init(_ action: Action) { (node, step) = (action.node, action.kind) }
    }

    /// Since when each item waits for its turn.
    private var ready: [Item: Double] = [:]
    /// By node, what was begun there and when.
    private var begun: [String: (step: StepKind, at: Double)] = [:]
    /// By node, the step that failed there last.
    private var failed: [String: StepKind] = [:]

    private(set) var adds = 0
    private(set) var retries = 0
    /// Seconds that items waited for their turn.
    private(set) var waits = Histogram()
    /// Seconds from a beginning to its outcome.
    private(set) var works = Histogram()

    var depth: Int { ready.count }

    /// Seconds that each item under way has taken so far.
    func unfinished(_ uptime: Double) -> [Double] { begun.values.map { max(0, uptime - $0.at) } }

    mutating func wait(_ actions: [Action], _ uptime: Double) {
        let items = Set(actions.map(Item.init))
        ready = ready.filter { items.contains($0.key) }
        for item in items where ready[item] == nil {
            ready[item] = uptime
            adds += 1
        }
    }

    /// What is begun at once was never told of as waiting.
    mutating func begin(_ action: Action, _ uptime: Double) {
        let since = ready.removeValue(forKey: Item(action))
        adds += since == nil ? 1 : 0
        waits.observe(uptime - (since ?? uptime))
        retries += failed.removeValue(forKey: action.node) == action.kind ? 1 : 0
        begun[action.node] = (action.kind, uptime)
    }

    /// The step that ended; nil when none was under way on that node.
    mutating func end(_ node: String, isDone: Bool, _ uptime: Double) -> StepKind? {
        guard let (step, at) = begun.removeValue(forKey: node) else { return nil }
        works.observe(uptime - at)
        failed[node] = isDone ? nil : step
        return step
    }

    /// Nothing waits or is under way between passes. `nodes`: those of the plan, when there is one.
    mutating func endPass(nodes: Set<String>?) {
        (ready, begun) = ([:], [:])
        if let nodes { failed = failed.filter { nodes.contains($0.key) } }
    }
}
