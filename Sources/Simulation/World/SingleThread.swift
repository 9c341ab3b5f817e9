import Synchronization

/// Runs the jobs of one simulated process on the thread that calls `drain`, in the order in which they became ready. Tasks that prefer it,
/// and all their children, never leave that thread, so the shipped loop runs unchanged and always in the same order. Frozen, it runs none,
/// as when the machine is suspended or the process stopped.
final class SingleThread: TaskExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var head = 0
        var isFrozen = false
    }

    private let queue = Mutex(Queue())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.withLock { $0.jobs.append(job) }
    }

    /// Runs what is ready until nothing is. False when nothing was.
    func drain() -> Bool {
        var hasRun = false
        while let job = next() {
            job.runSynchronously(on: asUnownedTaskExecutor())
            hasRun = true
        }
        return hasRun
    }

    func setFrozen(_ isFrozen: Bool) { queue.withLock { $0.isFrozen = isFrozen } }

    private func next() -> UnownedJob? {
        queue.withLock { queue in
            guard !queue.isFrozen else { return nil }
            guard queue.head < queue.jobs.count else {
                queue.jobs.removeAll(keepingCapacity: true)
                queue.head = 0
                return nil
            }
            queue.head += 1
            return queue.jobs[queue.head - 1]
        }
    }
}
