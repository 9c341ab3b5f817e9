import Daemon
import FoundationEssentials
import Live

/// The fields that every entry of a daemon's log has.
struct LogContext: Sendable, Hashable {
    /// Nil until the fleet file was read.
    var cluster: String?
    /// The id of this process in the audit log.
    var run: String?
}

extension LogEntry {
    /// As plain text; several lines when the text has several.
    var plain: String {
        guard let subject = node ?? kind.subject else { return text }
        return subject.padded(to: 16) + " " + text
    }

    /// In the format of sd-daemon(3): the priority in front of every line.
    var prefixed: String {
        plain.split(separator: "\n", omittingEmptySubsequences: false).map { "<\(kind.priority.rawValue)>\($0)" }.joined(separator: "\n")
    }

    /// One line of JSON, whatever the text holds. `time`: seconds since 1970.
    func json(_ context: LogContext, time: Double) -> String {
        struct Line: Encodable {
            var time: String
            var kind: String
            var priority: String
            var cluster: String?
            var node: String?
            var run: String?
            var message: String
        }
        let line = Line(
            time: AuditRecord.time(time), kind: kind.rawValue, priority: kind.priority.name, cluster: context.cluster, node: node,
            run: context.run, message: text)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(line)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): `NAME=value`, or, when the value has several lines, the name
    /// alone, then the value's length as 64 bits, little-endian, then the value.
    func journal(_ context: LogContext) -> [UInt8] {
        // 100 KiB is well below the kernel's limit for a datagram.
        let message = Array(plain.utf8.prefix(100 << 10))
        let fields: [(String, [UInt8]?)] = [
            ("MESSAGE", message), ("PRIORITY", Array(String(kind.priority.rawValue).utf8)), ("MESSAGE_ID", Array(kind.messageID.utf8)),
            ("SYSLOG_IDENTIFIER", Array("exedev-k8s".utf8)), ("CLUSTER", context.cluster.map { Array($0.utf8) }),
            ("NODE", node.map { Array($0.utf8) }), ("RUN_ID", context.run.map { Array($0.utf8) }),
            ("EXEDEV_K8S_KIND", Array(kind.rawValue.utf8)),
        ]
        return fields.flatMap { name, value in value.map { Self.field(name, $0) } ?? [] }
    }

    private static func field(_ name: String, _ value: [UInt8]) -> [UInt8] {
        guard value.contains(UInt8(ascii: "\n")) else { return Array(name.utf8) + [UInt8(ascii: "=")] + value + [UInt8(ascii: "\n")] }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: UInt64(value.count) >> UInt64(8 * $0)) }
        return Array(name.utf8) + [UInt8(ascii: "\n")] + length + value + [UInt8(ascii: "\n")]
    }
}

extension LogKind {
    /// The prefix of a line that is about no node.
    fileprivate var subject: String? {
        switch self {
        case .fleetSettled, .fleetNotSettled, .breakerOpen, .breakerClosed: "the fleet"
        case .passFailed: "the pass"
        default: nil
        }
    }
}
