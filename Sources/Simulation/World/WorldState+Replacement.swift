import FleetCore

/// What is known of nodes that are made again.
extension WorldState {
    /// Those of `nodes` that this machine of the daemon has not begun to make again: an operator does not ask twice.
    func unreplaced(_ nodes: Set<String>, _ desk: Int) -> Set<String> {
        nodes.filter { desks[desk].ledger?.replacements?[$0]?.wish != Self.wish }
    }

    /// When the operator asks for it.
    static let wish = 1.0

    /// As the ledger on the disk says.
    func isBeingReplaced(_ name: String, by process: ProcessRecord) -> Bool {
        desks[process.desk].ledger?.replacements?[name].map { $0.stage != .over } ?? false
    }
}
