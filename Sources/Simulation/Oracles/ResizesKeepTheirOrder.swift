import FleetCore
import K3s

/// exe.dev's `restart` is a power cut (facts/exedev.md §8.8): a VM of a node is reset when its pods are gone and nothing is unwritten there, and once
/// for each size that was asked for.
struct ResizesKeepTheirOrder: Oracle {
    static let name = "resizes keep their order"

    private var drained: Set<String> = []
    /// Restarted since its size was last asked for, as the process has heard that asked.
    private var restarted: Set<Mark> = []

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let node = request.effect.subject
        switch request.effect.kind {
        case .resizeVM: restarted = restarted.filter { $0.name != node }
        case .flushDisk:
            guard !drained.contains(node), !isExcused(node, world, history), hasOthers(node, world, history) else { return nil }
            return "its pods were not evicted"
        case .restartVM:
            guard let machine = world.machine(node), !isExcused(node, world, history) else { return nil }
            if restarted.contains(Mark(request.id, node)) { return "it was restarted already" }
            return machine.isFlushed && machine.unit == nil ? nil : "its disk was not flushed"
        default: break
        }
        return nil
    }

    /// What starts again by itself, or what another ledger knows, a process cannot know.
    private func isExcused(_ node: String, _ world: WorldState, _ history: History) -> Bool {
        history.misjudged.contains(node) || world.hidesFromTheLedger || world.hadClockJump
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .answered(let effect, let id, isDone: true) where effect.kind == .restartVM: restarted.insert(Mark(id, effect.subject))
        case .drained(let name): drained.insert(name)
        case .uncordoned(let name), .created(let name): drained.remove(name)
        default: break
        }
        return nil
    }

    /// One that starts again by itself is not ready for a moment.
    private func hasOthers(_ name: String, _ world: WorldState, _ history: History) -> Bool {
        world.clusters.contains { cluster in
            cluster.nodes.values.contains { node in
                let other = node.registration.name
                return other != name && node.condition(now: world.now) == .ready && !history.misjudged.contains(other)
            }
        }
    }
}
