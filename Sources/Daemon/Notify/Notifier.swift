import FleetCore
import Live
package import Reconciler
import Synchronization

/// Delivers the daemon's transitions. Every outlet has a queue of its own, so that it delays neither the loop nor another outlet. A full
/// queue drops its oldest event.
package final class Notifier: NoticeSink {
    private struct State {
        var transitions = Transitions()
        var cluster = ""
        var run = ""
        var count = 0
    }

    private let state = Mutex(State())
    private let queues: [OutletQueue]
    private let grace: Double
    private let ending: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let clock: any WallClock
    private let log: @Sendable (LogEntry) -> Void

    /// At most `queue` events wait for an outlet. Events that are not delivered `grace` seconds after `close` are lost.
    package init(
        _ outlets: [any Outlet], queue: Int = 64, grace: Double = 5, clock: any WallClock = SystemClock(),
        log: @escaping @Sendable (LogEntry) -> Void
    ) {
        queues = outlets.map { OutletQueue($0, capacity: queue) }
        (self.grace, self.clock, self.log) = (grace, clock, log)
        ending = AsyncStream.makeStream()
    }

    package func note(_ notice: Notice) {
        let now = clock.now
        // Under the lock, so that events go into the queues in the order of their numbers.
        let overflowing: [OutletQueue] = state.withLock { state in
            if case .started(let fleet, let run) = notice { (state.cluster, state.run) = (fleet.cluster.name, run) }
            var overflowing: [OutletQueue] = []
            for transition in state.transitions.note(notice) {
                state.count += 1
                let announcement = Announcement(
                    transition, number: state.count, cluster: state.cluster, run: state.run, time: now)
                overflowing += queues.filter { $0.put(announcement) }
            }
            return overflowing
        }
        for queue in overflowing {
            log(LogEntry(.notifyFailed, "the \(queue.outlet.name) is too slow: its queue is full, and the oldest events are dropped"))
        }
    }

    /// Returns when every event before `close` is delivered, or the grace period is over.
    package func serve() async {
        await withTaskGroup(of: Bool.self) { group in
            for queue in queues {
                group.addTask {
                    await self.serve(queue)
                    return true
                }
            }
            group.addTask { [ending, clock, grace] in
                for await _ in ending.stream {}
                try? await clock.sleep(seconds: grace)
                return false
            }
            var left = queues.count
            while left > 0, await group.next() == true { left -= 1 }
            group.cancelAll()
        }
    }

    package func close() {
        for queue in queues { queue.finish() }
        ending.continuation.finish()
    }

    private func serve(_ queue: OutletQueue) async {
        for await announcement in queue.announcements {
            guard !Task.isCancelled else { return }
            let delivery = await queue.outlet.deliver(announcement)
            let about = "the \(queue.outlet.name) (\(announcement.kind))"
            if !delivery.output.isEmpty { log(LogEntry(.hookSaid, node: announcement.node, "\(about) says: \(delivery.output)")) }
            if let failure = delivery.failure { log(LogEntry(.notifyFailed, node: announcement.node, "\(about) failed: \(failure)")) }
        }
    }
}

/// An outlet and its queue.
private final class OutletQueue: Sendable {
    let outlet: any Outlet
    let announcements: AsyncStream<Announcement>
    private let continuation: AsyncStream<Announcement>.Continuation
    private let capacity: Int
    /// Events were dropped, and that was logged, since the queue was last half empty.
    private let hasOverflowed = Atomic(false)

    init(_ outlet: any Outlet, capacity: Int) {
        (self.outlet, self.capacity) = (outlet, capacity)
        (announcements, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(capacity))
    }

    /// True for the first event that pushes an older one out.
    func put(_ announcement: Announcement) -> Bool {
        switch continuation.yield(announcement) {
        case .dropped: return !hasOverflowed.exchange(true, ordering: .relaxed)
        case .enqueued(let left) where left * 2 >= capacity: hasOverflowed.store(false, ordering: .relaxed)
        default: break
        }
        return false
    }

    func finish() { continuation.finish() }
}
