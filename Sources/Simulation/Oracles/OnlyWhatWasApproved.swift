import FleetCore
import Reconciler

/// S13.
struct OnlyWhatWasApproved: Oracle {
    static let name = "S13 only what was approved"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard let approved = request.process.approved else { return nil }
        return approved[request.effect.subject]?.contains(request.effect.kind) == true ? nil : "not in the approved plan"
    }
}
