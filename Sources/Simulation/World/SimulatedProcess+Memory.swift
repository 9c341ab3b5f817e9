package import FleetCore
import Reconciler

extension SimulatedProcess: Memory {
    package struct DiskError: Error { package var text: String }

    package func save(_ ledger: Ledger) throws {
        let outcome = world.state.withLock { $0.save(ledger, by: id) }
        if outcome.dies { end() }
        if let error = outcome.error { throw error }
    }

    package func pause() -> FleetPause? { world.state.withLock { $0.desks[$0.processes[id].desk].pause } }
}

extension WorldState {
    /// Written beside the old ledger and renamed: torn or old, never torn and new.
    mutating func save(_ ledger: Ledger, by id: Int) -> (dies: Bool, error: SimulatedProcess.DiskError?) {
        guard processes[id].isAlive else { return (false, .init(text: "the process is dead")) }
        let number = saves
        saves += 1
        let fault = processes[id].diesAtSave ?? fault(at: .save(number), by: id)
        switch fault {
        case .crashInWrite, .crashAfterReply: return (true, .init(text: "killed"))
        case .diskFull:
            return (false, .init(text: "No space left on device"))
        case .crashAfterWrite:
            keep(ledger, by: id)
            return (true, .init(text: "killed"))
        default:
            keep(ledger, by: id)
            return (false, nil)
        }
    }

    private mutating func keep(_ ledger: Ledger, by id: Int) {
        let desk = processes[id].desk
        report(.saved(ledger, replacing: desks[desk].ledger, by: id))
        desks[desk].keep(ledger)
    }
}
