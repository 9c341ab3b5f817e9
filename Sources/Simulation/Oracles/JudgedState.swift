import Synchronization

/// A world and, beside it, those who judge what it reports.
package final class JudgedState: Sendable {
    private struct Judged: Sendable {
        var world: WorldState
        var judges = Judges()

        mutating func judge() {
            guard !world.occurrences.isEmpty else { return }
            let new = world.occurrences
            world.occurrences = []
            for occurrence in new {
                for complaint in judges.judge(occurrence, in: world) { world.note("VIOLATION ", complaint) }
            }
        }
    }

    private let judged: Mutex<Judged>

    package init(_ world: WorldState) { judged = Mutex(Judged(world: world)) }

    /// What `body` makes happen is judged when it has returned.
    package func withLock<Value: Sendable>(_ body: (inout WorldState) -> Value) -> Value {
        judged.withLock { judged in
            defer { judged.judge() }
            return body(&judged.world)
        }
    }

    var complaints: [String] { judged.withLock { $0.judges.complaints } }
}
