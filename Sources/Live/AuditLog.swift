package import FleetCore
import FoundationEssentials
package import Reconciler
import Synchronization

/// Writes `audit.jsonl` in the fleet's folder; only who holds the fleet's lock may. Nothing is sent that was not written down first: the
/// intent's line is on the disk before the effect leaves, or the effect does not leave. Each line is synced on its own, as an effect takes
/// seconds, a sync milliseconds, and nothing has to be remembered for the end of a run. An outcome that cannot be written ends nothing:
/// its intent stands, and `history` tells that no answer was recorded.
///
/// Secrets never come here: changes are told by `Change`, and errors are those that the operator reads.
package final class AuditLog: Memory {
    static let file = "/audit.jsonl"
    static let filesKept = 4

    private struct Book: ~Copyable {
        var file: LineFile
        var count = 0
        /// By node: an effect that has not answered, and the uptime when it was sent.
        var open: [String: (record: AuditRecord, sent: Double)] = [:]
    }

    private let state: StateDirectory
    private let (verb, run, plan): (String, String, String)
    private let clock: any WallClock
    private let book: Mutex<Book>

    /// `plan`: what the effects are part of. Rotates at `limit` bytes.
    package init(
        in state: StateDirectory, verb: String, run: String, plan: String, clock: any WallClock = SystemClock(), limit: Int = 4 << 20
    ) {
        (self.state, self.verb, self.run, self.plan, self.clock) = (state, verb, run, plan, clock)
        book = Mutex(Book(file: LineFile(state.path + Self.file, limit: limit, kept: Self.filesKept)))
    }

    package func save(_ ledger: Ledger) throws { try state.save(ledger) }

    package func intend(_ action: Action, because: Reason, facts: FleetFacts) throws {
        try intend(action, action.step.change(facts.observed, record: facts.record(action.node)), because: because.text)
    }

    func intend(_ action: Action, _ change: Change, because: String) throws {
        let (now, uptime) = (clock.now, clock.uptime)
        try book.withLock { book in
            book.count += 1
            let record = AuditRecord(
                time: AuditRecord.time(now), verb: verb, run: run, plan: plan, effect: book.count, node: action.node,
                step: action.kind.rawValue, before: change.before, after: change.after, reason: because)
            try book.file.append(Self.line(record))
            book.open[action.node] = (record, uptime)
        }
    }

    /// The outcomes among the loop's events.
    package func note(_ event: Event) {
        switch event {
        case .actionFinished(let action, _): ended(action.node, .done, nil)
        case .actionFailed(let action, let reason, _): ended(action.node, .failed, reason)
        case .outcomeUnknown(let action, let reason): ended(action.node, .unknown, reason)
        // Of a node without an effect under way it is the plan's word, not an outcome.
        case .blocked(let node, let reason): ended(node, .refused, reason.text)
        case .actionStarted, .readFailed, .waiting, .nodeSettled, .ledgerRemarked: break
        case .actionsQueued, .leaseTaken, .leaseEnded: break
        }
    }

    private func ended(_ node: String, _ outcome: AuditRecord.Outcome, _ error: String?) {
        let (now, uptime) = (clock.now, clock.uptime)
        book.withLock { book in
            guard let (intent, sent) = book.open.removeValue(forKey: node) else { return }
            var record = intent
            (record.time, record.outcome, record.error) = (AuditRecord.time(now), outcome, error)
            record.seconds = ((uptime - sent) * 1000).rounded() / 1000
            try? book.file.append(Self.line(record))
        }
    }

    private static func line(_ record: AuditRecord) throws(StateError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(record) else { throw StateError("an audit record cannot be encoded", advice: nil) }
        return String(decoding: data, as: UTF8.self)
    }
}
