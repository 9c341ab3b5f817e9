import CLibssh2
import Glibc
import Synchronization

/// The thread of all SSH sessions: an epoll loop that is also the executor of the session actors. Unchecked: `jobs` has a mutex, the
/// descriptors are constant, and only the loop's own thread touches the rest (`checkIsolated` verifies it).
package final class SSHLoop: SerialExecutor, @unchecked Sendable {
    private let jobs = Mutex<[UnownedJob]>([])
    private let epoll: Int32
    private let wake: Int32
    private var thread = pthread_t()
    private var waiters: [Int32: Waiter] = [:]

    /// Waiting tasks by descriptor, with their deadline in monotonic nanoseconds.
    private struct Waiter {
        var continuation: CheckedContinuation<Bool, Never>
        var deadline: UInt64
    }

    /// One loop for the process. A loop never ends, so code that opens worlds repeatedly must share it.
    package static let shared = SSHLoop()

    package init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wake = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(epoll >= 0 && wake >= 0, "no descriptor left for the SSH loop")
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = wake
        epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event)
        _ = Self.libraryIsReady
        // The loop lives as long as the process: sessions may outlive their client.
        let me = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { pointer in
                Unmanaged<SSHLoop>.fromOpaque(pointer!).takeUnretainedValue().run()
                return nil
            }, me)
        pthread_detach(thread)
    }

    /// libssh2's global state, once and before any thread uses it. A write to a closed socket must be an error, not a signal.
    private static let libraryIsReady: Int32 = {
        signal(SIGPIPE, SIG_IGN)
        return libssh2_init(0)
    }()

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = jobs.withLock { queue in
            queue.append(job)
            return queue.count == 1
        }
        if isFirst { ring() }
    }

    package func checkIsolated() {
        precondition(pthread_equal(pthread_self(), thread) != 0, "not on the SSH loop's thread")
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    // MARK: on the loop's thread

    /// Waits until the descriptor can be read (or written), or `deadline` has passed: then false.
    func ready(_ descriptor: Int32, forWriting: Bool, deadline: UInt64, on actor: isolated any Actor) async -> Bool {
        await withCheckedContinuation { continuation in
            var event = epoll_event()
            event.events = EPOLLIN.rawValue | EPOLLONESHOT.rawValue | EPOLLRDHUP.rawValue | (forWriting ? EPOLLOUT.rawValue : 0)
            event.data.fd = descriptor
            // A second waiter on a descriptor replaces the first, which tries again at once.
            waiters.removeValue(forKey: descriptor)?.continuation.resume(returning: true)
            waiters[descriptor] = Waiter(continuation: continuation, deadline: deadline)
            if epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) != 0 { epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) }
        }
    }

    /// Wakes the waiter of a descriptor, who looks for what else there is.
    func wake(_ descriptor: Int32) { waiters.removeValue(forKey: descriptor)?.continuation.resume(returning: true) }

    /// Wakes the waiter of a descriptor for good. Call it before closing: the number may soon mean another socket.
    func release(_ descriptor: Int32) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        waiters.removeValue(forKey: descriptor)?.continuation.resume(returning: true)
    }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while true {
            drainJobs()
            let count = epoll_wait(epoll, &events, Int32(events.count), timeout())
            for index in 0..<max(0, Int(count)) {
                let descriptor = events[index].data.fd
                if descriptor == wake {
                    var value: UInt64 = 0
                    _ = read(wake, &value, 8)
                } else {
                    waiters.removeValue(forKey: descriptor)?.continuation.resume(returning: true)
                }
            }
            expire()
        }
    }

    private func drainJobs() {
        while true {
            let batch = jobs.withLock { queue in
                let batch = queue
                queue.removeAll(keepingCapacity: true)
                return batch
            }
            if batch.isEmpty { return }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    private func timeout() -> Int32 {
        guard let first = waiters.values.map(\.deadline).min() else { return -1 }
        let now = monotonicNanoseconds()
        return first <= now ? 0 : Int32(min((first - now) / 1_000_000 + 1, 60_000))
    }

    private func expire() {
        let now = monotonicNanoseconds()
        for (descriptor, waiter) in waiters where waiter.deadline <= now {
            waiters[descriptor] = nil
            waiter.continuation.resume(returning: false)
        }
    }
}

func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

extension UInt64 {
    /// That long from now, in monotonic nanoseconds.
    static func deadline(_ duration: Duration) -> UInt64 {
        let parts = duration.components
        return monotonicNanoseconds() + UInt64(Swift.max(0, parts.seconds)) * 1_000_000_000 + UInt64(Swift.max(0, parts.attoseconds))
            / 1_000_000_000
    }
}
