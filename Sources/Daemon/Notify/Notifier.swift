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
    private let lines: [Line]
    private let grace: Double
    private let ending: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let clock: any WallClock
    private let log: @Sendable (LogEntry) -> Void

    /// At most `queue` events wait for an outlet. Events that are not delivered `grace` seconds after `close` are lost.
    package init(
        _ outlets: [any Outlet], queue: Int = 64, grace: Double = 5, clock: any WallClock = SystemClock(),
        log: @escaping @Sendable (LogEntry) -> Void
    ) {
        lines = outlets.map { Line($0, room: queue) }
        (self.grace, self.clock, self.log) = (grace, clock, log)
        ending = AsyncStream.makeStream()
    }

    package func note(_ notice: Notice) {
        let now = clock.now
        // Under the lock, so that events go into the queues in the order of their numbers.
        let overrun: [Line] = state.withLock { state in
            if case .started(let fleet, let run) = notice { (state.cluster, state.run) = (fleet.cluster.name, run) }
            var overrun: [Line] = []
            for transition in state.transitions.note(notice) {
                state.count += 1
                let announcement = Announcement(
                    transition, number: state.count, cluster: state.cluster, run: state.run, time: now)
                overrun += lines.filter { $0.put(announcement) }
            }
            return overrun
        }
        for line in overrun {
            log(LogEntry(.notifyFailed, "the \(line.outlet.name) is too slow: its queue is full, and the oldest events are dropped"))
        }
    }

    /// Returns when every event before `close` is delivered, or the grace period is over.
    package func serve() async {
        await withTaskGroup(of: Bool.self) { group in
            for line in lines {
                group.addTask {
                    await self.serve(line)
                    return true
                }
            }
            group.addTask { [ending, clock, grace] in
                for await _ in ending.stream {}
                try? await clock.sleep(seconds: grace)
                return false
            }
            var left = lines.count
            while left > 0, await group.next() == true { left -= 1 }
            group.cancelAll()
        }
    }

    package func close() {
        for line in lines { line.finish() }
        ending.continuation.finish()
    }

    private func serve(_ line: Line) async {
        for await announcement in line.announcements {
            guard !Task.isCancelled else { return }
            let delivery = await line.outlet.deliver(announcement)
            let about = "the \(line.outlet.name) (\(announcement.kind))"
            if !delivery.output.isEmpty { log(LogEntry(.hookSaid, node: announcement.node, "\(about) says: \(delivery.output)")) }
            if let failure = delivery.failure { log(LogEntry(.notifyFailed, node: announcement.node, "\(about) failed: \(failure)")) }
        }
    }
}

/// An outlet and its queue.
private final class Line: Sendable {
    let outlet: any Outlet
    let announcements: AsyncStream<Announcement>
    private let door: AsyncStream<Announcement>.Continuation
    private let room: Int
    /// Events were dropped, and that was logged, since the queue was last half empty.
    private let isOverrun = Atomic(false)

    init(_ outlet: any Outlet, room: Int) {
        (self.outlet, self.room) = (outlet, room)
        (announcements, door) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(room))
    }

    /// True for the first event that pushes an older one out.
    func put(_ announcement: Announcement) -> Bool {
        switch door.yield(announcement) {
        case .dropped: return !isOverrun.exchange(true, ordering: .relaxed)
        case .enqueued(let left) where left * 2 >= room: isOverrun.store(false, ordering: .relaxed)
        default: break
        }
        return false
    }

    func finish() { door.finish() }
}
