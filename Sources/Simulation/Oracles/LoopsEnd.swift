/// A loop that reads or sleeps without end was stopped.
struct LoopsEnd: Oracle {
    static let name = "liveness"

    func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        if case .spun(let words) = occurrence { words } else { nil }
    }
}
