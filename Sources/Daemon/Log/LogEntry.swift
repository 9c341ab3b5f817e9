/// One entry of the daemon's log, independent of its format.
package struct LogEntry: Sendable, Hashable {
    /// What programs filter by.
    package var kind: LogKind
    /// Nil when it is about the fleet or the daemon.
    package var node: String?
    /// The message; may have several lines.
    package var text: String

    package init(_ kind: LogKind, node: String? = nil, _ text: String) {
        (self.kind, self.node, self.text) = (kind, node, text)
    }
}

/// The priorities of syslog(3) that are used.
package enum LogPriority: Int, Sendable, Hashable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6

    /// The name in JSON.
    package var name: String {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        }
    }
}

/// The kinds of log entries. Programs rely on the names and the MESSAGE_IDs: neither ever changes.
package enum LogKind: String, Sendable, Hashable, CaseIterable {
    case started
    case reloaded
    case reloadRefused
    /// An error in the fleet file, one entry each.
    case fileProblem
    /// A warning about the fleet file.
    case fileWarning
    case cannotStart
    /// The ledger on disk was damaged or old.
    case ledgerRemarked
    case stopping
    case effectStarted
    case effectDone
    case effectFailed
    case outcomeUnknown
    case readFailed = "lookFailed"
    case nodeSettled
    /// The pass ended with work left, which the next pass continues.
    case nodePending
    case nodeWaiting
    case nodeBlocked
    /// Observed, not in the fleet file, and left alone.
    case nodeReported
    case fleetSettled
    case fleetNotSettled
    case passFailed
    case breakerOpen
    case breakerClosed
    /// A webhook or hook did not accept an event.
    case notifyFailed
    /// The output of a hook.
    case hookSaid
    /// An operator holds the fleet, or does not any more.
    case paused
    case resumed

    package var priority: LogPriority { entry.0 }

    /// The journal's MESSAGE_ID, a UUID without dashes: `journalctl MESSAGE_ID=…` finds everything of this kind.
    package var messageID: String { entry.1 }

    private var entry: (LogPriority, String) {
        switch self {
        case .started: (.notice, "cdbfbd802df343718a92b7e8867c7d4c")
        case .reloaded: (.notice, "e19bd4821a174c7c870c0f99bbb8dcb9")
        case .reloadRefused: (.error, "2e3c38e5a9b143aa8c019621be8cd1b0")
        case .fileProblem: (.error, "c9875e74fe8b4717bc830fcea8733c08")
        case .fileWarning: (.warning, "51b447669c7241cd948397ea54f4e56c")
        case .cannotStart: (.error, "0d95f5a9781b4c118fd4a255767648eb")
        case .ledgerRemarked: (.warning, "0b6d4f0c6a5e4e1b9f0f2d7a8c3b5e61")
        case .stopping: (.notice, "872c5575a71f405dbbcdeca72ea071d6")
        case .effectStarted: (.info, "bae4e37029fa4531ae01996a7e6f9da8")
        case .effectDone: (.info, "ed9cebe4cf0c48cebe334288a09ad907")
        case .effectFailed: (.warning, "42a6e0becba0462e92c164c4ccc7ad70")
        case .outcomeUnknown: (.warning, "a38c12a68dbd4223b3f66e42590ae10e")
        case .readFailed: (.warning, "c79eb33ca68a4c9f9b9e18a1ca1e4fd6")
        case .nodeSettled: (.info, "f828c6dc468e4dd9898255cb2bb4058a")
        case .nodePending: (.info, "5f60e12a32d94917829c1694d3e32c85")
        case .nodeWaiting: (.info, "898820c0100c4bf89696ccf0cbb0c06e")
        case .nodeBlocked: (.warning, "5666fe00179a4363b9b47eddafec212b")
        case .nodeReported: (.info, "91a7bab7a07c43ecb3247eef7984c81c")
        case .fleetSettled: (.notice, "347b7ae3b17748aca2e3d0f456899c4c")
        case .fleetNotSettled: (.notice, "992d38263dfa4be0bff0ec4676443ec9")
        case .passFailed: (.error, "d4608424f9e14892acee38bb7212338d")
        case .breakerOpen: (.error, "6003fd0c18b04db0b77756f4c6454012")
        case .breakerClosed: (.notice, "f84f24312923418b95870bb95bea0b90")
        case .notifyFailed: (.warning, "26344b5fadcd447a90dc1d7c60ebfea4")
        case .hookSaid: (.info, "d4a7c4d3509e4e0c97e0aa2813d8841e")
        case .paused: (.warning, "d497150cfe54417b80469a051e6cd9dd")
        case .resumed: (.notice, "82a8461ce57d4c258deda83c9f52852e")
        }
    }
}
