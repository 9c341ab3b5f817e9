import FleetCore

extension Trial {
    package struct Verdict: Sendable {
        package var violations: [String]
        package var passes: Int
        /// Of all that can go wrong until it was done: what comes after is to show that it stays so, and nothing strikes any more.
        var counts: Counts
        /// The last plan of each pass.
        package var plans: [String] { outcomes.map(\.words) }
        var outcomes: [Course.Outcome]
        package var trace: TraceHash
        package var end: WorldState
        package var log: [String]

        package var isGood: Bool { violations.isEmpty }

        struct Counts: Sendable {
            var reads: Int
            var saves: Int
            var asks: Int
        }
    }
}
