import FleetCore
import Reconciler

/// A process sends no change of a VM or node while another one of the same is not answered.
struct OneChangeAtATime: Oracle {
    static let name = "one change at a time"

    private var unanswered: Set<Mark> = []

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        unanswered.insert(Mark(request.id, request.effect.subject)).inserted ? nil : "another one is not answered"
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        if case .answered(let effect, let id, _) = occurrence { unanswered.remove(Mark(id, effect.subject)) }
        return nil
    }
}
