import FleetCore
import Reconciler

/// S11, on one machine.
struct TheLockIsHeld: Oracle {
    static let name = "S11 the lock is held"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let holder = world.desks[request.process.desk].lockHolder
        return holder == request.id ? nil : "process \(request.id) acts, \(holder.map(String.init) ?? "nobody") holds the lock"
    }
}
