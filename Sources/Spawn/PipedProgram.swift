import CSpawn
import Glibc
import Synchronization

/// A program at one end of a pipe: it prints what is read here, or reads what is written here. Its standard error is ours.
package final class PipedProgram: Sendable {
    package enum End { case printsToUs, readsFromUs }

    /// Our end. Who has written all closes it.
    package let descriptor: Int32
    private let process: pid_t
    /// Once it is reaped.
    private let status = Mutex<Int32?>(nil)

    package init(_ words: [String], _ end: End) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw Subprocess.Failure(description: "no pipe: errno \(errno)") }
        let (ours, its) = end == .printsToUs ? (ends[0], ends[1]) : (ends[1], ends[0])
        defer { close(its) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // We ignore it, and the program should end with its reader.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        do {
            process = try Subprocess.spawn(
                words, input: end == .printsToUs ? 0 : its, output: end == .printsToUs ? its : 1, attributes: &attributes
            ) { actions in
                if end == .printsToUs { posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) }
            }
        } catch {
            close(ours)
            throw error
        }
        descriptor = ours
    }

    /// Waits for its end: its status, or 128 and the signal.
    package func ended() -> Int32 {
        status.withLock { status in
            let ended = status ?? Subprocess.reap(process)
            status = ended
            return ended
        }
    }
}
