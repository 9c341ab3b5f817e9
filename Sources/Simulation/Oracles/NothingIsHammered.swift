import FleetCore
import Reconciler

/// A process whose change failed waits before it sends the same again.
struct NothingIsHammered: Oracle {
    static let name = "nothing is hammered"

    private struct Change: Hashable {
        var process: Int
        var subject: String
        var step: StepKind
    }

    /// When a change last failed.
    private var failures: [Change: Double] = [:]

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard !failures.isEmpty, let failed = failures[Self.change(request.effect, request.id)], world.now - failed < 0.9 else {
            return nil
        }
        // A wait that was counted on a clock that was put forward is over.
        return world.hadClockJump ? nil : "it failed a moment ago"
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        if case .answered(let effect, let id, isDone: false) = occurrence { failures[Self.change(effect, id)] = world.now }
        return nil
    }

    private static func change(_ effect: Effect, _ id: Int) -> Change {
        Change(process: id, subject: effect.subject, step: effect.kind)
    }
}
