import FleetCore
package import K3s
import Synchronization

/// What is asked right before a change leaves this machine: may it still? A change is decided under the Lease, and may then wait for its turn:
/// for a connection, for exe.dev to take requests again, or because the whole process was paused. When the Lease has run out meanwhile,
/// another machine may have taken over, and the change must not leave any more; not later either, when the Lease is ours again, for the
/// world may be another one then.
package final class Fence: Sendable {
    /// What must be left of the Lease when something leaves: seconds for its way.
    static let margin = 5.0

    private let clock: any WallClock
    private let state = Mutex((until: Double.infinity, generation: 0))

    package init(clock: any WallClock) { self.clock = clock }

    /// What was decided is good until `end`, on the monotonic clock. `generation` is raised when everything decided before is void.
    func hold(until end: Double, generation: Int = 0) { state.withLock { $0 = (end - Self.margin, generation) } }

    /// For what is decided now. `token`: under what, as the host is told; nil where nothing on a host is changed.
    func ticket(under token: FencingToken? = nil) -> Ticket {
        Ticket(fence: self, generation: state.withLock { $0.generation }, token: token)
    }

    /// Lets one change through, while it is good.
    package struct Ticket: Sendable {
        fileprivate let fence: Fence
        fileprivate let generation: Int
        package let token: FencingToken?

        package var isOpen: Bool { fence.state.withLock { fence.clock.uptime < $0.until && generation == $0.generation } }

        /// Throws when it is shut: nothing was sent, and the same may be decided again.
        package func check() throws(EffectError) {
            guard isOpen else { throw EffectError("too much time passed between the decision and its turn", remedy: .retry(after: 0)) }
        }
    }
}
