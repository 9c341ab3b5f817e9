package import FleetCore
package import Reconciler

/// What the daemon has to say of one fleet; whoever shows it decides how.
package enum Notice: Sendable {
    /// `run`: what the audit log calls this process.
    case started(DesiredFleet, run: String)
    case event(Event)
    /// `next`: seconds until the next pass.
    case passEnded(Reconciler.Result, next: Double)
    /// `asksOperator`: trying again alone will not mend it.
    case passFailed(String, asksOperator: Bool = false, next: Double)
    case reloaded(DesiredFleet)
    /// The new file cannot be used; the old one stays in force.
    case reloadRefused(String)
    case stopping
}
