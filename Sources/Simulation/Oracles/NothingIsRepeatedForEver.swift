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
        // A name that somebody else has, or a size that exe.dev does not give, is asked for again by each start, and refused.
        guard ![.drain, .evacuate, .createVM, .resizeVM].contains(change.step) else { return nil }
        sent[change, default: 0] += 1
        let limit = 6 + world.struck.count * 3
        return sent[change]! == limit + 1 ? "it is sent for the \(limit + 1)th time" : nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        guard case .answered(let effect, _, isDone: true) = occurrence else { return nil }
        // In place, for most are answered once.
        for change in sent.keys where change.subject == effect.subject && change.step != effect.kind { sent[change] = nil }
        return nil
    }
}
