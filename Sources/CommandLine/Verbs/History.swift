import FleetCore
import FoundationEssentials
import Live
import Shell

extension Verb {
    static let history = Verb(
        name: "history", summary: "show every step that was sent, the newest last; reads the audit log only", operands: "[options]",
        options: Arguments.Option.common.filter { !["token-file", "transport"].contains($0.name) } + [
            .value("node", "only this node"),
            .value("run", "only this run; the beginning of its id is enough"),
            .value("since", "only later than so long ago (90s, 30m, 2h, 7d) or than a time (2026-11-24T05:00:00Z)"),
        ]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let since = try arguments.value("since").map { try moment($0, now: SystemClock().now) }
        let (_, fleet) = try CommandContext.readFleet(arguments.value("file") ?? "fleet.json", terminal)
        let state = try StateDirectory(base: CommandContext.stateBase(arguments), cluster: fleet.cluster.name)
        let history = try AuditHistory(in: state)
        let document = HistoryDocument(
            cluster: fleet.cluster.name, history.effects, node: arguments.value("node"), run: arguments.value("run"), since: since)
        terminal.out(arguments.has("json") ? document.prettyJSON : document.text)
        if history.unreadable > 0 {
            terminal.say("\(history.unreadable) lines of the log cannot be read: a crash tore them, or a newer program wrote them")
        }
        return .done
    }

    /// A time in the format of the log.
    static func moment(_ text: String, now: Double) throws(UsageError) -> String {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        if let last = text.last, let unit = units[last], let count = Double(text.dropLast()), count >= 0 {
            return AuditRecord.time(max(0, now - count * unit))
        }
        let date = try? Date(text, strategy: .iso8601)
        let fine = try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let day = try? Date(text, strategy: Date.ISO8601FormatStyle().year().month().day())
        guard let moment = date ?? fine ?? day else {
            throw UsageError("--since takes a duration such as 90s, 30m, 2h or 7d, or a time such as 2026-11-24T05:00:00Z")
        }
        return AuditRecord.time(moment.timeIntervalSince1970)
    }
}

/// The output of `history`, as text and JSON. `formatVersion` is raised when a field changes its meaning or is removed.
struct HistoryDocument: Codable {
    var formatVersion = 1
    var cluster: String
    /// The records of the log. Without `outcome`, none was recorded.
    var effects: [AuditRecord]

    /// `text` of no effects: why there are none.
    private var nothing = "Nothing is recorded."

    private enum CodingKeys: CodingKey { case formatVersion, cluster, effects }

    /// `since`: a time in the format of the log.
    init(cluster: String, _ effects: [AuditRecord], node: String? = nil, run: String? = nil, since: String? = nil) {
        self.cluster = cluster
        self.effects = effects.filter { effect in
            (node == nil || effect.node == node) && (run == nil || effect.run.hasPrefix(run!)) && (since == nil || effect.time >= since!)
        }
        let filters = [("node", node), ("run", run), ("since", since)].filter { $0.1 != nil }.map { "--\($0.0)" }
        if !effects.isEmpty, !filters.isEmpty {
            nothing =
                "Nothing matches \(filters.joined(separator: ", ")); \(effects.count) \(effects.count == 1 ? "step is" : "steps are") recorded."
        }
    }

    var text: String {
        guard !effects.isEmpty else { return nothing }
        let rows = [["TIME", "RUN", "NODE", "STEP", "OUTCOME", "CHANGE", "REASON"]] + effects.map { $0.row.map { OutsideText.line($0) } }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { $0.offset == row.count - 1 ? $0.element : $0.element.padded(to: widths[$0.offset]) }.joined(
                separator: "  ")
        }.joined(separator: "\n")
    }
}

extension AuditRecord {
    fileprivate var row: [String] {
        [
            // Without fractions of a second: those are for programs.
            time.prefix(19) + "Z", "\(verb) \(run)", node, StepKind(rawValue: step)?.words ?? step, ending, "\(before) → \(after)",
            reason + (error.map { "; " + $0.split(whereSeparator: \.isNewline).joined(separator: "; ") } ?? ""),
        ]
    }

    private var ending: String {
        guard let outcome else { return "no answer recorded" }
        let tenths = Int(((seconds ?? 0) * 10).rounded())
        return "\(outcome.rawValue) in \(tenths / 10).\(tenths % 10) s"
    }
}
