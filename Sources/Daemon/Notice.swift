package import FleetCore
package import Reconciler

/// A notification about one fleet. Each sink decides how to show it.
package enum Notice: Sendable {
    /// `run`: the id of this process in the audit log.
    case started(DesiredFleet, run: String)
    case event(Event)
    /// `next`: seconds until the next pass.
    case passEnded(Reconciler.Result, next: Double)
    /// `asksOperator`: a retry alone will not help.
    case passFailed(String, asksOperator: Bool = false, next: Double)
    case reloaded(DesiredFleet)
    /// The new file is unusable; the old one stays in force.
    case reloadRefused(String)
    case stopping
    /// An operator holds the fleet: it is observed, and nothing is changed.
    case paused(FleetPause)
    case resumed
}
