package import FleetCore
import FoundationEssentials
package import Reconciler
import Synchronization

/// Writes `audit.jsonl` in the fleet's directory; requires the fleet's lock. An effect is sent only after the line of its intent is synced.
/// An outcome that cannot be written is skipped: `history` then shows that none was recorded. Lines hold no secrets.
package final class AuditLog: Memory {
    static let file = "/audit.jsonl"
    static let filesKept = 4

    private struct Book: ~Copyable {
        var file: LineFile
        var count = 0
        /// The running effect of each node, and the uptime when it was sent.
        var open: [String: (record: AuditRecord, sent: Double)] = [:]
    }

    private let state: StateDirectory
    private let (verb, run, plan): (String, String, String)
    private let clock: any WallClock
    private let book: Mutex<Book>

    /// `plan`: the plan or pass of the effects. Rotates at `limit` bytes.
    package init(
        in state: StateDirectory, verb: String, run: String, plan: String, clock: any WallClock = SystemClock(), limit: Int = 4 << 20
    ) {
        (self.state, self.verb, self.run, self.plan, self.clock) = (state, verb, run, plan, clock)
        book = Mutex(Book(file: LineFile(state.path + Self.file, limit: limit, kept: Self.filesKept)))
    }

    package func save(_ ledger: Ledger) throws { try state.save(ledger) }

    package func pause() -> FleetPause? { state.pause() }

    /// The same for a run that an operator's hold does not stop.
    package var unheld: any Memory { Unheld(log: self) }

    private struct Unheld: Memory {
        let log: AuditLog
        func save(_ ledger: Ledger) throws { try log.save(ledger) }
        func intend(_ action: Action, because: Reason, facts: FleetFacts) throws { try log.intend(action, because: because, facts: facts) }
        func pause() -> FleetPause? { nil }
    }

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

    /// Records the outcomes among the loop's events.
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
