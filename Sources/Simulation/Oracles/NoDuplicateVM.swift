import FleetCore
import Reconciler

/// S8: one VM a name.
struct NoDuplicateVM: Oracle {
    static let name = "S8 no duplicate VM"

    /// VMs created less VMs gone, by name.
    private var count: [String: Int] = [:]

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .created(let name): count[name, default: 0] += 1
        case .vanished(let name, _): count[name] = 0
        default: break
        }
        return nil
    }

    func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        count.values.contains { $0 > 1 } ? request.effect.words : nil
    }
}
