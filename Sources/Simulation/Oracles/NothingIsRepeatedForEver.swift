import FleetCore
import Reconciler

/// The same change of the same node comes to an end: it is sent a few times more for each thing that went wrong, until something else is done
/// to that node.
struct NothingIsRepeatedForEver: Oracle {
    static let name = "nothing is repeated for ever"

    private struct Change: Hashable {
        var subject: String
        var step: StepKind
    }

    /// How often each was sent since there was progress.
    private var sent: [Change: Int] = [:]

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let change = Change(subject: request.effect.subject, step: request.effect.kind)
        // Pods that stay are asked to go once a minute for as long as they stay.
        guard change.step != .drain, change.step != .evacuate else { return nil }
        // Each start asks once more for a name that somebody else has; exe.dev refuses it.
        if change.step == .createVM, world.machine(change.subject) != nil { return nil }
        sent[change, default: 0] += 1
        let limit = Self.limit(of: change.step, world)
        return sent[change]! == limit + 1 ? "it is sent for the \(limit + 1)th time" : nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        guard case .answered(let effect, _, isDone: true) = occurrence else { return nil }
        // In place, for most are answered once.
        for change in sent.keys where change.subject == effect.subject && change.step != effect.kind { sent[change] = nil }
        return nil
    }

    private static func limit(of step: StepKind, _ world: WorldState) -> Int {
        // A name that is taken may be so by a request of ours that is still under way.
        let usual = step == .createVM && !world.struck.isEmpty ? Planner.takenNameAttempts + 6 : 6
        return usual + world.struck.count * 3
    }
}
