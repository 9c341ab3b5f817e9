import FleetCore

/// While an operator holds a fleet nothing is sent from that machine; `destroy` alone is not held.
struct AHeldFleetIsLeftAlone: Oracle {
    static let name = "a held fleet is left alone"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.process.mode == .apply, let pause = world.desks[request.process.desk].pause else { return nil }
        return "it is \(pause.words)"
    }
}
