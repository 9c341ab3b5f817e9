import FleetCore
import Synchronization

/// What is asked right before a change leaves this machine: may it still? A change is decided under the Lease, and may then wait for its turn:
/// for a connection, for exe.dev to take requests again, or because the whole process was paused. When the Lease has run out meanwhile,
/// another machine may have taken over, and the change must not leave any more. The same is true of a decision that is old.
package final class Fence: Sendable {
    /// What must be left of the Lease when something leaves: seconds for its way.
    static let margin = 5.0

    private let clock: any WallClock
    /// Until when it is open, on the clock that nobody sets.
    private let until = Mutex(Double.infinity)

    package init(clock: any WallClock) { self.clock = clock }

    /// What was decided is good until `end`: the Lease is ours until then, or the decision too old after it.
    func hold(until end: Double) { until.withLock { $0 = end - Self.margin } }

    package var isOpen: Bool { until.withLock { clock.uptime < $0 } }

    /// Throws when it is shut: nothing was sent, and the same may be decided anew.
    package func check() throws(EffectError) {
        guard isOpen else { throw EffectError("too much time passed between the decision and its turn", remedy: .retry(after: 0)) }
    }
}
