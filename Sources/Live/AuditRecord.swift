import FleetCore
import FoundationEssentials

/// One line of `audit.jsonl`. An effect has two: one before it is sent, and one with the outcome, which repeats all fields. Without the
/// second, the run ended in between.
package struct AuditRecord: Sendable, Equatable, Codable {
    /// Raised when a field changes its meaning or is removed; fields may be added.
    package static let version = 1

    package enum Outcome: String, Sendable, Codable {
        case done
        /// Nothing was done; the loop tries again.
        case failed
        /// It may have been done; the loop reads.
        case unknown
        /// A safety rule or the remote side refused; the operator must act.
        case refused
    }

    package var version = AuditRecord.version
    /// When the line was written: `2026-11-24T05:12:07.123Z`, always UTC and of this width, so that texts sort as times do.
    package var time: String
    /// `apply`, `daemon` or `destroy`.
    package var verb: String
    /// The id of the process; also the journal's RUN_ID.
    package var run: String
    /// The `basis` of the plan (`apply`), or the pass (`daemon`).
    package var plan: String
    /// The number of the effect in that plan.
    package var effect: Int
    package var node: String
    /// As in `plan --json`.
    package var step: String
    package var before: String
    package var after: String
    package var reason: String
    package var outcome: Outcome?
    /// Why the outcome is not `done`.
    package var error: String?
    /// From the intent to the outcome.
    package var seconds: Double?

    /// A new id for one run of the program.
    package static func newRun() -> String { StateDirectory.randomHex(bytes: 6) }

    package static func time(_ seconds: Double) -> String {
        Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// The inverse of `time`; nil for another format.
    package static func seconds(_ time: String) -> Double? {
        (try? Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))?.timeIntervalSince1970
    }
}

/// The content of the log: one record for each effect, oldest first. `time` is when the effect was sent.
package struct AuditHistory: Sendable {
    package var effects: [AuditRecord] = []
    /// Lines that are incomplete after a crash, or written by a newer program.
    package var unreadable = 0

    package init(in state: StateDirectory) throws(StateError) {
        struct Key: Hashable {
            var run: String
            var plan: String
            var effect: Int
        }
        var places: [Key: Int] = [:]
        let decoder = JSONDecoder()
        for line in try LineFile.lines(of: state.path + AuditLog.file, kept: AuditLog.filesKept) {
            guard var record = try? decoder.decode(AuditRecord.self, from: Data(line.utf8)), record.version <= AuditRecord.version else {
                unreadable += 1
                continue
            }
            let key = Key(run: record.run, plan: record.plan, effect: record.effect)
            if let place = places[key] {
                record.time = effects[place].time
                effects[place] = record
            } else {
                places[key] = effects.count
                effects.append(record)
            }
        }
    }
}
