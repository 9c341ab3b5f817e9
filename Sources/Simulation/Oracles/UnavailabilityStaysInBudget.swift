import FleetCore
import K3s
import Reconciler

/// S6: restarted, and taken away without the ledger knowing it (see ``RemovalsStayInBudget``), while others of the pool are down by our doing.
struct UnavailabilityStaysInBudget: Oracle {
    static let name = "S6 unavailability stays in budget"

    /// Nodes that were ready when they were restarted or vanished, or when the trial began.
    private var served: Set<String> = []
    /// When k3s was last started on a node by an install of ours.
    private var restarted: [String: Double] = [:]

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        defer { remember(request.effect, world) }
        let process = request.process
        if request.effect.action.isDestructive, process.mode == .apply {
            let removal = world.desks[process.desk].ledger?.nodes[request.effect.subject]?.leaveStage
            if removal == nil { return "its removal is not written down" }
            guard request.effect.kind == .cordon, world.isBeingReplaced(request.effect.subject, by: process) else { return nil }
        }
        let name = request.effect.subject
        guard takesDown(request.effect, world), world.isMember(name), !world.isInMaintenance(name), !world.hasLostCount(request.id) else {
            return nil
        }
        let mates = poolMates(of: name, in: process.fleet)
        let down = mates.filter { isDown($0, for: name, request.id, world, history) }
        let limit = process.fleet.limits.maxUnavailable.count(of: mates.count + 1)
        return down.count >= limit ? "\(down) are out of service, the limit is \(limit)" : nil
    }

    private func takesDown(_ effect: Effect, _ world: WorldState) -> Bool {
        switch effect.kind {
        case .evacuate, .upgradeK3s, .revertK3s, .takeSnapshot, .cordon, .flushDisk, .restartVM: true
        default: effect.setup.map(world.isRestarted) ?? false
        }
    }

    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let name = request.effect.subject
        switch request.effect.kind {
        case .install: restarted[name] = world.machine(name)?.unit?.startedAt
        // Nobody misses it.
        case .removeVM where !world.isBeingReplaced(name, by: request.process): served.remove(name)
        case .deleteNode where world.at(name) == nil && !world.isMember(name): served.remove(name)
        default: break
        }
        return nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .began(let ready): served = ready
        case .vanished(let name, wasReady: true): served.insert(name)
        default: break
        }
        return nil
    }

    private mutating func remember(_ effect: Effect, _ world: WorldState) {
        guard effect.kind == .install else { return }
        let name = effect.subject
        if world.isReady(name) { served.insert(name) }
    }

    private func poolMates(of name: String, in fleet: DesiredFleet) -> [String] {
        let pool = fleet.nodes.first { $0.name == name }?.pool
        return fleet.nodes.filter { $0.pool == pool && $0.name != name }.map { $0.name }
    }

    /// Whether a node is down while `other` is to be restarted.
    private func isDown(_ name: String, for other: String, _ id: Int, _ world: WorldState, _ history: History) -> Bool {
        // From one whose k3s does not run nothing is taken: it waits for nobody.
        guard world.machine(other)?.unit != nil else { return false }
        return isInMaintenance(name, world) || isRestartingByUs(name, world) || isKnownDown(name, for: other, id, world, history)
    }

    private func isInMaintenance(_ name: String, _ world: WorldState) -> Bool {
        world.isInMaintenance(name) || world.inFlight.values.contains { $0.effect.kind == .evacuate && $0.effect.subject == name }
    }

    /// k3s was started there, by us, and has not said that it is ready.
    private func isRestartingByUs(_ name: String, _ world: WorldState) -> Bool {
        guard world.isMember(name) else { return false }
        if world.inFlight.values.contains(where: { $0.effect.kind == .install && $0.effect.subject == name }) { return true }
        // One that was never ready is missed by nobody.
        guard served.contains(name), let started = restarted[name], let unit = world.machine(name)?.unit, started == unit.startedAt else {
            return false
        }
        return unit.registeredAt.map { world.now < $0 + WorldState.readyAfter } ?? true
    }

    /// The process has read that this node is down, which was up, and that the other one is up, which it is about to take down.
    private func isKnownDown(_ name: String, for other: String, _ id: Int, _ world: WorldState, _ history: History) -> Bool {
        guard served.contains(name), let reading = history.readings[id], !world.hidesFromTheLedger else { return false }
        func isReady(_ name: String) -> Bool { reading.contains { $0.name == name && $0.ready == .ready } }
        return isReady(other) && !isReady(name)
    }
}
