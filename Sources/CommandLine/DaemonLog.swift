import Daemon
import FleetCore
import FoundationEssentials
import Glibc
import Live
import Reconciler
import Synchronization

/// The format of a daemon's log.
enum LogFormat: String, CaseIterable {
    case plain, json, journal

    static let journalSocket = "/run/systemd/journal/socket"

    /// `word`: the value of `--log`. `auto` is the journal when JOURNAL_STREAM names our standard error. The variable alone is no proof:
    /// a daemon started by hand from a service's shell inherits it.
    static func named(_ word: String, environment: [String: String], errorIs stream: String?) throws(UsageError) -> LogFormat {
        if let format = LogFormat(rawValue: word) { return format }
        guard word == "auto" else { throw UsageError("--log takes plain, json, journal or auto") }
        return stream != nil && environment["JOURNAL_STREAM"] == stream ? .journal : .plain
    }

    /// The device and inode of standard error, in the format of JOURNAL_STREAM.
    static var standardError: String? {
        var facts = stat()
        return fstat(STDERR_FILENO, &facts) == 0 ? "\(facts.st_dev):\(facts.st_ino)" : nil
    }
}

/// A daemon's log: one entry for each transition, none while the fleet stays settled.
final class DaemonLog: NoticeSink {
    private struct State {
        var changes = LogChanges()
        var context = LogContext()
    }

    private let format: LogFormat
    private let socket: String
    private let clock: any WallClock
    private let print: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// `print` receives entries in other formats, and those that the journal does not accept.
    init(
        format: LogFormat, socket: String = LogFormat.journalSocket, clock: any WallClock = SystemClock(),
        print: @escaping @Sendable (String) -> Void
    ) {
        (self.format, self.socket, self.clock, self.print) = (format, socket, clock, print)
    }

    func note(_ notice: Notice) {
        // Under the lock, so that concurrent notices are written in the order in which they were compared.
        state.withLock { state in
            if case .started(let fleet, let run) = notice { state.context = LogContext(cluster: fleet.cluster.name, run: run) }
            for entry in state.changes.entries(notice) { write(entry, state.context) }
        }
    }

    /// Entries that are not from notices.
    func say(_ entry: LogEntry) {
        state.withLock { write(entry, $0.context) }
    }

    private func write(_ entry: LogEntry, _ context: LogContext) {
        switch format {
        case .plain: print(entry.plain)
        case .json: print(entry.json(context, time: clock.now))
        case .journal:
            // The journal finds the unit of a datagram by its sender, which may have exited by then. So messages before the start go to
            // standard error.
            if context.run == nil || Datagram.send(entry.journal(context), to: socket) != 0 { print(entry.prefixed) }
        }
    }
}
