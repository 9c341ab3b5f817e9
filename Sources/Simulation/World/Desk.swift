package import FleetCore

extension WorldState {
    /// A machine of the daemon: its disk, and who holds the lock there.
    package struct Desk: Sendable {
        package var ledger: Ledger?
        var lockHolder: Int?
        /// An operator holds the fleet here.
        package var pause: FleetPause?
        /// The ledger before the last write.
        fileprivate(set) var previous: Ledger?

        mutating func keep(_ new: Ledger) {
            swap(&previous, &ledger)
            ledger = new
        }

        mutating func loseTheLast(now: Double) { ledger = (previous ?? ledger)?.doubted(at: now) }
    }

    /// The ledger on the disk of the machine that keeps the fleet.
    package var disk: Ledger? {
        get { desks[0].ledger }
        set { desks[0].ledger = newValue }
    }

    /// The ledger on disk, or a new one.
    mutating func ledger(for fleet: DesiredFleet) -> Ledger {
        if let disk { return disk.ranged(as: fleet.cluster) }
        return Ledger(
            cluster: fleet.cluster.name, clusterID: "id-\(random.next())", clusterCIDR: fleet.cluster.clusterCIDR.description,
            serviceCIDR: fleet.cluster.serviceCIDR.description
        ).ranged(as: fleet.cluster)
    }
}
