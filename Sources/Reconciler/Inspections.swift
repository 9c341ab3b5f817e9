package import FleetCore
import K3s

/// When a run looked into a host, at the sharing of a VM or at what it answers, although nothing called for it; seconds on the monotonic clock. Who runs again
/// and again in one process hands it on from run to run.
package typealias Inspected = [ReadTarget: Double]

/// Looks for what others changed where no list tells of it: files on hosts, sharing, what VMs answer. Each costs a request a node, so it is done once in a while,
/// for the longest unseen first, and when a process begins.
struct Inspections {
    /// Seconds after which a node is looked at again.
    static let interval = 900.0

    private(set) var done: Inspected
    private let before: Inspected
    /// Nothing is asked for that costs a request a node.
    let isOff: Bool
    /// Nil until the cluster was read in this run.
    private var queue: [ReadTarget]?

    init(_ done: Inspected, isOff: Bool = false) {
        (self.done, before, self.isOff, queue) = (done, done, isOff, isOff ? [] : nil)
    }

    var isUnplanned: Bool { queue == nil }
    var isOver: Bool { queue?.isEmpty ?? true }

    /// What is due of `targets`, `limit` of them at most. Where nothing is known of any, another process may have begun with the first ones a moment
    /// ago: `wall` makes the rounds.
    mutating func plan(_ targets: [ReadTarget], limit: Int, _ moment: Moment) {
        guard queue == nil else { return }
        let round = max(0, Int(moment.wall / Self.interval)) % max(1, (targets.count + limit - 1) / limit)
        let turned = targets.dropFirst(round * limit) + targets.prefix(round * limit)
        let due = turned.filter { done[$0].map { moment.uptime - $0 >= Self.interval } ?? true }.enumerated()
        let longestUnseen = due.sorted { (done[$0.element] ?? -.infinity, $0.offset) < (done[$1.element] ?? -.infinity, $1.offset) }
        queue = longestUnseen.prefix(limit).map(\.element)
    }

    /// What is to be looked at, in this order.
    var waiting: [ReadTarget] { queue ?? [] }

    mutating func took(_ target: ReadTarget) { queue?.removeAll { $0 == target } }

    mutating func ended(_ target: ReadTarget, _ uptime: Double) { if target.vm != nil { done[target] = uptime } }

    /// It was put right and may be wrong again.
    mutating func repeated(_ target: ReadTarget) {
        done[target] = nil
        queue?.append(target)
    }

    /// What this run saw there says nothing any more.
    mutating func lost(_ target: ReadTarget) {
        if done[target] != before[target] { repeated(target) }
    }

    /// What was observed says nothing any more.
    mutating func restart() { (done, queue) = (before, isOff ? [] : nil) }
}

extension Run {
    /// Of nodes that are in the cluster and that this run did not start.
    private var inspectable: [ReadTarget] {
        let nodes = fleet.nodes.filter { node in
            guard let vm = facts.observed.vms?[node.name], vm.status == .running, vm.tags.contains(fleet.cluster.tag) else { return false }
            return facts.observed.node(node.name) != nil && facts.notes[node.name]?.started == nil
        }
        return nodes.flatMap { node in
            var targets = [ReadTarget.host(node.name)]
            if node.share != nil { targets.append(.share(node.name)) }
            // One that has not answered yet is asked because the plan waits for it.
            if let question = node.question, facts.notes[node.name]?.hasAnswered == true { targets.append(.web(question)) }
            return targets
        }
    }

    /// The inspections that may begin now.
    mutating func inspectionsDue(_ moment: Moment) -> [(ReadTarget, ObservedVM?)] {
        if inspections.isUnplanned, facts.controlPlane.answers {
            let targets = inspectable
            // A quarter of a large fleet, so that each is seen in four runs. A plan is of the whole: what it says does not hang on the hour.
            let limit = repeats ? max(2 * fleet.limits.hostsAtOnce, targets.count / 4) : max(1, targets.count)
            inspections.plan(targets, limit: limit, moment)
        }
        var due: [(ReadTarget, ObservedVM?)] = []
        for target in inspections.waiting where reads.underWay < fleet.limits.hostsAtOnce && mayBegin(target) {
            inspections.took(target)
            guard let vm = target.vm.flatMap({ facts.observed.vms?[$0] }) else { continue }
            reads.begin(target, at: moment.uptime)
            due.append((target, vm))
        }
        return due
    }

    /// A VM with an action or another read under way has its turn after it.
    private func mayBegin(_ target: ReadTarget) -> Bool {
        guard let name = target.vm, facts.observed.vms != nil else { return false }
        return !acting.contains(name) && reads.isIdle(target)
    }
}

extension ReadTarget {
    /// The VM that it is about.
    fileprivate var vm: String? {
        switch self {
        case .host(let name), .share(let name): name
        case .web(let question): question.vm
        case .vms, .cluster, .nothing: nil
        }
    }
}
