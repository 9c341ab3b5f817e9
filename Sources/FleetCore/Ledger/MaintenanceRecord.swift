package import K3s

/// A node that is out of service by our doing and comes back: for an upgrade, for instance.
package struct Maintenance: Sendable, Hashable, Codable {
    /// Its pods were evicted.
    package var isDrained = false
    /// The k3s that was put in place there, whatever became of it.
    package var upgradedTo: K3sVersion?

    package init() {}
}

/// An upgrade after which an agent did not come up, so that the k3s of before was put back.
package struct FailedUpgrade: Sendable, Hashable, Codable {
    package var version: K3sVersion
    /// Last words of the k3s that failed, in one harmless line.
    package var journal: String?

    package init(version: K3sVersion, journal: String?) { (self.version, self.journal) = (version, journal) }
}

/// A copy of the cluster's datastore in the state directory.
package struct Snapshot: Sendable, Hashable, Codable {
    /// What the server ran.
    package var version: K3sVersion
    /// Which upgrade it was taken before.
    package var goal: K3sVersion
    /// Seconds since 1970.
    package var takenAt: Double
    /// Its name below `snapshots/`; nil in the simulated world.
    package var file: String?

    package init(version: K3sVersion, goal: K3sVersion, takenAt: Double, file: String?) {
        (self.version, self.goal, self.takenAt, self.file) = (version, goal, takenAt, file)
    }
}

extension Ledger {
    /// A node is about to be cordoned and drained: pods may run there, however far an earlier drain had come.
    mutating func maintenanceBegun(_ node: String) {
        change(node) { instance in
            instance.maintenance = instance.maintenance ?? Maintenance()
            instance.maintenance?.isDrained = false
        }
    }

    mutating func evacuated(_ node: String) {
        change(node) { instance in
            instance.maintenance?.isDrained = true
            instance.drain = nil
        }
    }

    /// The node is in service again.
    mutating func maintenanceEnded(_ node: String) {
        change(node) { ($0.maintenance, $0.failedUpgrade, $0.drain) = (nil, nil, nil) }
    }
}
