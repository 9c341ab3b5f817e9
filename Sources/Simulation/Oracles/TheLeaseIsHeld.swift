import FleetCore
import K3s
import Reconciler

/// S11, across machines.
struct TheLeaseIsHeld: Oracle {
    static let name = "S11 the lease is held"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let process = request.process
        // Before a process has had an answer of the cluster, while it is being founded, there is nobody to ask for the Lease.
        guard process.mode == .apply || world.leaseholder != nil, world.desks[process.desk].ledger?.caHash != nil else { return nil }
        guard world.leaseholder != process.desk else { return nil }
        let isSilentToIt = history.readings[request.id] == nil
        guard let holder = world.leaseholder else {
            return isSilentToIt || world.apiServer == nil ? nil : "desk-\(process.desk) acts and nobody holds the lease"
        }
        // A server that is down is mended without the Lease, and both machines mend it alike.
        let isServer = process.fleet.nodes.contains { $0.role == .server && $0.name == request.effect.subject }
        return isServer && isSilentToIt && process.mode == .apply ? nil : "desk-\(process.desk) acts while desk-\(holder) holds the lease"
    }
}
