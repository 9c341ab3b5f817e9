package import FleetCore
package import Reconciler

/// What the world keeps of single requests, machines and processes.
extension WorldState {
    struct Late: Sendable {
        var at: Double
        var effect: Effect
        var process: Int
        /// The name is taken until then, although no list shows it.
        var reservesName = false
    }

    /// Sent by a process that died since.
    struct Orphan: Sendable {
        var at: Double
        var effect: Effect
        var number: Int
        var fault: Fault.Kind?
        var process: Int
        /// What the connection to the host was made in; nil for what exe.dev does.
        var session: Machine.Session?
    }

    package struct ProcessRecord: Sendable {
        package enum Mode: Sendable { case read, apply, destroy }
        package var mode: Mode
        package var fleet: DesiredFleet
        /// On which machine it runs.
        var desk: Int
        package var approved: Reconciler.Approval?
        package var isAttended = true
        /// Nodes that its operator wants to be made again.
        var replacing: Set<String> = []
        package var isAlive = true
        /// When its last list of VMs was made, and that of the one which it has.
        var listedAt = -Double.infinity
        var knowsAsOf = -Double.infinity
        /// How this process dies at its next write of the ledger.
        var diesAtSave: Fault.Kind?
    }
}
