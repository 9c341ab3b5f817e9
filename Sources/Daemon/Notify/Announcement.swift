package import FleetCore
import FoundationEssentials
import Live

/// One event: the body of a webhook's POST, and the standard input of a hook.
package struct Announcement: Sendable, Hashable, Codable {
    /// Raised when a field changes its meaning or is removed; fields and kinds may be added.
    package var formatVersion = 1
    /// Unique; a repeated delivery has the same id.
    package var id: String
    /// A `Transition.Kind`.
    package var kind: String
    package var cluster: String
    package var node: String?
    /// The id of the daemon's process in the audit log.
    package var runID: String
    /// When it happened: `2026-11-24T05:12:07.123Z`.
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

    /// A host's output may be long, and an event must fit into a pipe.
    private static func bounded(_ text: String) -> String { text.utf8.count <= 4096 ? text : text.prefix(1024) + "…" }

    /// One line, keys sorted.
    package var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map(Array.init) ?? []
    }
}
