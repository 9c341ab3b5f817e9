import FleetCore
import K3s

/// A condition of the fleet, in the form of a Kubernetes condition.
package struct Condition: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Codable {
        case settled = "Settled"
        case progressing = "Progressing"
        case blocked = "Blocked"
        case breakerOpen = "BreakerOpen"
        case degraded = "Degraded"
    }

    package enum Status: String, Sendable, Codable {
        case yes = "True"
        case no = "False"
        case unknown = "Unknown"
    }

    package var type: Kind
    package var status: Status
    package var reason: String
    package var message: String
    /// When `status` last changed; nil without a daemon.
    package var lastTransitionTime: String?
    /// The generation of the fleet file that it is about; nil without a daemon.
    package var observedGeneration: Int?

    init(_ type: Kind, _ status: Status, _ reason: String, _ message: String = "") {
        (self.type, self.status, self.reason, self.message) = (type, status, reason, message)
    }

    /// The new conditions; one with an unchanged status keeps its time.
    static func merged(_ new: [Condition], over old: [Condition], time: String, generation: Int) -> [Condition] {
        new.map { condition in
            var condition = condition
            let before = old.first { $0.type == condition.type && $0.status == condition.status }
            condition.lastTransitionTime = before?.lastTransitionTime ?? time
            condition.observedGeneration = generation
            return condition
        }
    }
}

extension LastResult {
    /// The conditions of one observation. `Progressing` and `BreakerOpen` are missing: they need a daemon.
    var conditions: [Condition] { [settled, blocked, degraded] }

    var settled: Condition {
        let open = plan.items.filter { !$0.decision.isSettled }
        if open.isEmpty { return Condition(.settled, .yes, "AllNodesSettled") }
        return Condition(.settled, .no, "NodesNotSettled", Self.list(open))
    }

    /// Only under a daemon, which works on what is not settled.
    var progressing: Condition {
        let open = plan.items.filter { !$0.decision.isSettled }
        let waiting = open.filter { if case .blocked = $0.decision { false } else { true } }
        let moving = waiting.filter { $0.decision.reason?.isDeferral != true }
        if !moving.isEmpty { return Condition(.progressing, .yes, "NodesNotSettled", Self.list(moving)) }
        if !waiting.isEmpty { return Condition(.progressing, .no, "NodesDeferred", Self.list(waiting)) }
        return Condition(.progressing, .no, open.isEmpty ? "AllNodesSettled" : "NodesBlocked")
    }

    var blocked: Condition {
        let blocked = plan.items.filter { if case .blocked = $0.decision { true } else { false } }
        return blocked.isEmpty
            ? Condition(.blocked, .no, "NoNodeBlocked") : Condition(.blocked, .yes, "NodesBlocked", Self.list(blocked))
    }

    var breakerOpen: Condition {
        guard let reason = plan.openBreaker else { return Condition(.breakerOpen, .no, "NoMassLoss") }
        return Condition(.breakerOpen, .yes, reason.code.rawValue, reason.text)
    }

    var degraded: Condition {
        let silent = fleet.nodes.filter { !isReady($0.name) }
        if silent.isEmpty { return Condition(.degraded, .no, "AllNodesReady") }
        let (some, more) = Self.few(silent.map(\.name))
        return Condition(
            .degraded, .yes, "NodesNotReady",
            "\(silent.count) of \(fleet.nodes.count) nodes are not ready: \(some.joined(separator: ", "))\(more)")
    }

    private static func list(_ lines: [Plan.Item]) -> String {
        let (some, more) = few(lines.map { "\($0.node): \($0.decision.drift)" })
        return some.joined(separator: "; ") + more
    }

    /// Keeps the message of a large fleet short.
    private static func few(_ words: [String]) -> (some: [String], more: String) {
        (Array(words.prefix(5)), words.count > 5 ? " and \(words.count - 5) more" : "")
    }
}
