import Daemon
import FleetCore
import FoundationEssentials
import Glibc
import Live
import Reconciler
import Synchronization

/// How a daemon's log is written.
enum LogFormat: String, CaseIterable {
    case plain, json, journal

    static let journalSocket = "/run/systemd/journal/socket"

    /// `word` is `--log`'s. `auto` is the journal when standard error leads there, which systemd tells in JOURNAL_STREAM; a daemon started by
    /// hand from a service's shell inherits the variable, but not the stream.
    static func named(_ word: String, environment: [String: String], errorIs stream: String?) throws(UsageError) -> LogFormat {
        if let format = LogFormat(rawValue: word) { return format }
        guard word == "auto" else { throw UsageError("--log takes plain, json, journal or auto") }
        return stream != nil && environment["JOURNAL_STREAM"] == stream ? .journal : .plain
    }

    /// Standard error's device and inode, as JOURNAL_STREAM writes them.
    static var standardError: String? {
        var facts = stat()
        return fstat(STDERR_FILENO, &facts) == 0 ? "\(facts.st_dev):\(facts.st_ino)" : nil
    }
}

/// A daemon's log: one entry per transition, silence over a settled fleet.
final class DaemonLog: NoticeSink {
    private struct State {
        var news = LogChanges()
        var context = LogContext()
    }

    private let format: LogFormat
    private let socket: String
    private let clock: any WallClock
    private let print: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// `print` takes what is not for the journal, and what the journal would not take.
    init(
        format: LogFormat, socket: String = LogFormat.journalSocket, clock: any WallClock = SystemClock(),
        print: @escaping @Sendable (String) -> Void
    ) {
        (self.format, self.socket, self.clock, self.print) = (format, socket, clock, print)
    }

    func note(_ notice: Notice) {
        // Under the lock, so that what two tasks notice at once is written in the order in which it was judged.
        state.withLock { state in
            if case .started(let fleet, let run) = notice { state.context = LogContext(cluster: fleet.cluster.name, run: run) }
            for entry in state.news.entries(notice) { write(entry, state.context) }
        }
    }

    /// What is worth saying beside the daemon's notices.
    func say(_ entry: LogEntry) {
        state.withLock { write(entry, $0.context) }
    }

    private func write(_ entry: LogEntry, _ context: LogContext) {
        switch format {
        case .plain: print(entry.plain)
        case .json: print(entry.json(context, time: clock.now))
        case .journal:
            // The journal finds a datagram's unit by its sender, and one that cannot start is gone before that: what is said until then
            // goes to standard error, of which the journal knows whose it is.
            if context.run == nil || Datagram.send(entry.journal(context), to: socket) != 0 { print(entry.prefixed) }
        }
    }
}
