import FleetCore
import Reconciler

/// S12.
struct LookingWritesNothing: Oracle {
    static let name = "S12 looking writes nothing"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        request.process.mode == .read ? "a read has an effect" : nil
    }
}
