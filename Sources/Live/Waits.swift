import Synchronization

/// What this process waits for outside of itself: answers, pauses that were asked for, turns to connect.
package final class Waits: Sendable {
    package struct Wait: Sendable, Hashable {
        /// Fits behind "waiting for".
        package var what: String
        /// Seconds on the monotonic clock.
        package var since: Double
        /// Seconds from then; it may take longer where it waits for its turn first.
        package var atMost: Double

        package init(_ what: String, since: Double, atMost: Double) { (self.what, self.since, self.atMost) = (what, since, atMost) }
    }

    private struct State {
        var next = 0
        var waits: [Int: Wait] = [:]
    }

    private let state = Mutex(State())
    private let uptime: @Sendable () -> Double

    package init(uptime: @escaping @Sendable () -> Double = { SystemClock().uptime }) { self.uptime = uptime }

    /// The oldest first.
    package var all: [Wait] { state.withLock { $0.waits.sorted { $0.key < $1.key }.map(\.value) } }

    /// What it returns is called when the wait is over. `atMost`: seconds.
    package func begin(_ what: String, atMost: Double) -> @Sendable () -> Void {
        let since = uptime()
        let id = state.withLock { state in
            state.next += 1
            state.waits[state.next] = Wait(what, since: since, atMost: atMost)
            return state.next
        }
        return { [self] in _ = state.withLock { $0.waits.removeValue(forKey: id) } }
    }
}
