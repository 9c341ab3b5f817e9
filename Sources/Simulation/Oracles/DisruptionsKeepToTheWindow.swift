import FleetCore
import K3s

/// Nodes that serve are taken down in the fleet's windows only; what began there may be finished later.
struct DisruptionsKeepToTheWindow: Oracle {
    static let name = "disruptions keep to the window"

    /// Seconds from a decision to the last moment at which it may leave.
    private static let onItsWay = 25.0
    /// Nodes whose removal, or whose install, was begun in a window.
    private var removals: Set<String> = []
    private var installs: Set<String> = []

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let (effect, node) = (request.effect, request.effect.subject)
        guard request.process.mode == .apply, effect.kind.type.isDisruptive else { return nil }
        let (now, policy) = (world.now + world.wallOffset, request.process.fleet.policy)
        let isOpen = [now, now - Self.onItsWay].contains { policy.opening(at: $0) == nil }
        let hasBegun = effect.kind.isDestructive ? removals.contains(node) : installs.contains(node)
        let isFree = isOpen || hasBegun || !serves(request, world, history)
        if isFree, effect.kind.isDestructive { removals.insert(node) } else if isFree { installs.insert(node) }
        return isFree || world.hadClockJump || world.hadDamage ? nil : "the window is closed"
    }

    /// An intent in the ledger may have been carried out.
    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        guard case .saved(let ledger, _, let id) = occurrence else { return nil }
        let policy = world.processes[id].fleet.policy
        guard !policy.windows.isEmpty, policy.opening(at: world.now + world.wallOffset) == nil else { return nil }
        for (name, record) in ledger.nodes where record.instance?.configuration == .unknown { installs.insert(name) }
        return nil
    }

    private func serves(_ request: Request, _ world: WorldState, _ history: History) -> Bool {
        guard let machine = world.machine(request.effect.subject), world.isMember(machine.name) else { return false }
        let isReplaced = request.process.fleet.nodes.contains { $0.name == machine.name }
        if request.effect.kind.isDestructive, !isReplaced || machine.answersSSH(now: world.now) { return true }
        let reading = history.readings[request.id]?.first { $0.name == machine.name }
        return machine.unit != nil && machine.answersSSH(now: world.now) && reading?.ready == .ready
    }
}
