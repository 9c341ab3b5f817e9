import FleetCore
import K3s

/// What more than one oracle must know of the past.
struct History: Sendable {
    /// When each process last asked for a reading of the cluster, by when the question arrived.
    private(set) var askedAt: [Int: Double] = [:]
    /// What each process last read of the cluster.
    private(set) var readings: [Int: [NodeReading]] = [:]
    /// VMs that a list has hidden or shown as they were, and those that vanished or started again: what is done to them may be done in error.
    private(set) var misjudged: Set<String> = []
    /// How many lists have hidden a VM that was there.
    private var hidden: [String: Int] = [:]

    mutating func note(_ occurrence: Occurrence, now: Double) {
        switch occurrence {
        case .clusterAsked(let id): askedAt[id] = now
        case .clusterRead(let nodes, let id): readings[id] = nodes
        case .failed(let name): misjudged.insert(name)
        case .misled(let list, let truth):
            for name in Set(truth.map { $0.name }).subtracting(list.map { $0.name }) { hidden[name, default: 0] += 1 }
            for vm in Set(list).symmetricDifference(truth) { misjudged.insert(vm.name) }
        default: break
        }
    }

    /// Two lists that hide one and the same VM pass for its end.
    func passesForGone(_ name: String) -> Bool { hidden[name, default: 0] >= 2 }

    /// A machine that was taken for dead has joined once more after the process last asked for the cluster, so many seconds ago at most.
    func hasJustCome(_ machine: Machine, to id: Int, now: Double, within seconds: Double = 2) -> Bool {
        guard let asked = askedAt[id], let registered = machine.unit?.registeredAt else { return false }
        return registered > asked && now - asked < seconds
    }
}

extension WorldState {
    /// An excuse: what another process began is counted by the clock alone, which was put forward.
    func hasLostCount(_ id: Int) -> Bool { id > 0 && hadClockJump }
}
