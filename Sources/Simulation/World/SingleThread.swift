import Synchronization

/// What is ready to run in a world, in the order in which it became so, on the thread that calls `drain`.
final class RunQueue: Sendable {
    private struct Queue {
        var ready: [(job: UnownedJob, process: SingleThread)] = []
        var head = 0
    }

    private let queue = Mutex(Queue())

    fileprivate func add(_ job: UnownedJob, _ process: SingleThread) { queue.withLock { $0.ready.append((job, process)) } }

    /// Runs what is ready until nothing is.
    func drain() {
        while let (job, process) = next() { process.run(job) }
    }

    private func next() -> (job: UnownedJob, process: SingleThread)? {
        queue.withLock { queue in
            guard queue.head < queue.ready.count else {
                queue.ready.removeAll(keepingCapacity: true)
                queue.head = 0
                return nil
            }
            queue.head += 1
            return queue.ready[queue.head - 1]
        }
    }
}

/// Runs the jobs of one simulated process in its world's queue. Tasks that prefer it, and all their children, never leave it, so the shipped
/// loop runs unchanged and always in the same order. Frozen, it runs none, as when the machine is suspended or the process stopped.
final class SingleThread: TaskExecutor {
    private let queue: RunQueue
    /// What waits for the end of a pause; nil while there is none.
    private let held = Mutex<[UnownedJob]?>(nil)

    init(in queue: RunQueue) { self.queue = queue }

    func enqueue(_ job: consuming ExecutorJob) { queue.add(UnownedJob(job), self) }

    fileprivate func run(_ job: UnownedJob) {
        let isHeld = held.withLock { held in
            held?.append(job)
            return held != nil
        }
        if !isHeld { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    func freeze() { held.withLock { $0 = $0 ?? [] } }

    func thaw() {
        let jobs = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for job in jobs { queue.add(job, self) }
    }
}
