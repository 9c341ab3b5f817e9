package import FleetCore
import FoundationEssentials
import Live

/// One event as it is told to others: the body of a webhook's POST, and what a hook reads.
package struct Announcement: Sendable, Hashable, Codable {
    /// Raised when a field changes its meaning or goes; fields and kinds may be added.
    package var formatVersion = 1
    /// The same when an event is sent again, and of no other event.
    package var id: String
    /// A `Transition.Kind`.
    package var kind: String
    package var cluster: String
    package var node: String?
    /// What the audit log calls the daemon's process.
    package var runID: String
    /// When it was noticed: `2026-11-24T05:12:07.123Z`.
    package var time: String
    package var text: String
    package var reason: String?
    /// A `Reason.Code`; absent where the reason is no node's.
    package var code: Reason.Code?
    package var advice: String?

    /// `number`: counts the events of a run. `time`: seconds since 1970.
    package init(_ transition: Transition, number: Int, cluster: String, run: String, time: Double) {
        (id, kind, runID, self.cluster) = ("\(run)-\(number)", transition.kind.rawValue, run, cluster)
        (node, text, self.time) = (transition.node, transition.text, AuditRecord.time(time))
        code = transition.code
        (reason, advice) = (transition.reason.map(Self.bounded), transition.advice.map(Self.bounded))
    }

    /// A host's last words may be long, and an event has to go through a pipe at once.
    private static func bounded(_ text: String) -> String { text.utf8.count <= 4096 ? text : text.prefix(1024) + "…" }

    /// One line, keys sorted.
    package var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map(Array.init) ?? []
    }
}
