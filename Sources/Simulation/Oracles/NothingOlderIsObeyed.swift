import FleetCore
import K3s
import Reconciler

/// S11, on the hosts: what was decided under an older Lease is not carried out where a newer one was obeyed. It counts by itself which process
/// holds which number; one that holds none knows what the host had obeyed when it sent.
struct NothingOlderIsObeyed: Oracle {
    static let name = "S11 nothing older is obeyed"

    /// The number of each process's Lease.
    private var held: [Int: Int] = [:]
    /// The newest that each machine obeyed, by its name and when it was made.
    private var obeyed: [String: Int] = [:]
    /// Under which number the last change was sent, by process and node.
    private var sent: [Mark: Int] = [:]

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard let host = request.effect.host else { return nil }
        // A server's host has noted the number of a Lease that was taken there before it obeyed anybody under it.
        let shown = max(obeyed[key(host, world)] ?? 0, world.machine(host)?.disk.fence?.number ?? 0)
        // Where no cluster answers there is no Lease to hold, whatever was held before.
        sent[Mark(request.id, request.effect.subject)] = world.apiServer == nil ? shown : held[request.id] ?? shown
        return nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .leased(let number, let id): held[id] = number
        case .obeyed(let effect, let id): return obey(effect, id, world)
        default: break
        }
        return nil
    }

    private mutating func obey(_ effect: Effect, _ id: Int, _ world: WorldState) -> String? {
        guard let host = effect.host, let number = sent[Mark(id, effect.subject)] else { return nil }
        let newest = obeyed[key(host, world)] ?? 0
        obeyed[key(host, world)] = max(newest, number)
        guard number < newest else { return nil }
        return "\(effect.words) was decided under \(number), and \(host) has obeyed \(newest)"
    }

    private func key(_ host: String, _ world: WorldState) -> String { "\(host) \(world.machine(host)?.vm.createdAt ?? "")" }
}
