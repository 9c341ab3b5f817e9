import FleetCore

/// A plan as text for the operator.
enum PlanText {
    /// `opening`: of the maintenance window that is closed now and that the run waits for.
    static func render(_ plan: Plan, opening: WindowOpening? = nil) -> String {
        let shown = plan.items.filter { $0.decision != .settled }
        guard !shown.isEmpty else { return "No changes. The fleet \(plan.cluster) is as the fleet file asks." }
        let rows = shown.map(row)
        let widths = (0..<3).map { column in rows.map { $0.cells[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let cells = row.cells.enumerated().map { index, cell in index < 3 ? cell.padded(to: widths[index]) : cell }
            return "\(row.symbol) " + trimmed(cells.joined(separator: "   "))
        }
        var text = (["fleet \(plan.cluster)    \(summary(plan))", ""] + lines)
        text += footer(plan, opening)
        return text.joined(separator: "\n")
    }

    static func summary(_ plan: Plan) -> String {
        let creates = plan.actions.filter { $0.kind == .createVM }.count
        let leaving = plan.items.filter { $0.decision.action?.isDestructive == true }
        let remade = leaving.count { $0.then.contains(.createVM) }
        let removes = leaving.count - remade
        let changes = plan.actions.count - creates - leaving.count
        var waiting = 0
        var blocked = 0
        for line in plan.items {
            if case .wait = line.decision { waiting += 1 }
            if case .blocked = line.decision { blocked += 1 }
        }
        let parts = [
            (creates, "to create"), (changes, "to change"), (remade, "to make again"), (removes, "to remove"), (waiting, "waiting"),
            (blocked, "blocked"),
        ]
        let counts = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return counts.isEmpty ? "nothing to do" : counts.joined(separator: " · ")
    }

    private static func footer(_ plan: Plan, _ opening: WindowOpening?) -> [String] {
        let longest = plan.items.map(\.then).max { $0.count < $1.count } ?? []
        let follow = longest.isEmpty ? [] : ["", "then, up to: " + longest.map(\.words).joined(separator: " → ")]
        let advice = plan.items.compactMap { line -> String? in
            if case .blocked(let reason) = line.decision { "! \(line.node): \(reason.advice)" } else { nil }
        }
        return follow + laterWait(plan, opening) + deferral(plan) + (advice.isEmpty ? [] : [""] + advice + doctor(plan))
    }

    /// Which checks look closer at what blocks.
    private static func doctor(_ plan: Plan) -> [String] {
        let checks = Set(plan.items.compactMap { $0.decision.isBlocked ? $0.decision.reason?.doctorCheck : nil })
        let names = DoctorCheck.allCases.filter(checks.contains).map(\.rawValue)
        return names.isEmpty ? [] : ["exedev-k8s doctor looks closer: \(names.joined(separator: ", "))"]
    }

    /// A node that serves is prepared at once, and taken down when the window opens.
    private static func laterWait(_ plan: Plan, _ opening: WindowOpening?) -> [String] {
        guard let opening else { return [] }
        let nodes = plan.items.filter { item in
            item.decision.action?.kind.isDisruptive == false && item.then.contains { $0 == .evacuate || $0 == .cordon || $0 == .restartVM }
        }
        guard !nodes.isEmpty else { return [] }
        return ["", "\(nodes.count) will then wait until \(opening.words); apply --ignore-window does not wait for it"]
    }

    private static func deferral(_ plan: Plan) -> [String] {
        guard let (count, opening) = plan.deferral else { return [] }
        return ["", "\(count) deferred until \(opening.words); apply --ignore-window does not wait for it"]
    }

    private static func row(_ line: Plan.Item) -> (symbol: Character, cells: [String]) {
        switch line.decision {
        case .settled: (" ", [line.node, "settled", "", ""])
        case .act(let action, let reason): (action.symbol, [line.node, action.words, action.step.detail, reason.text])
        case .wait(let wait): (".", [line.node, "wait", "", wait.reason.text])
        case .blocked(let reason): ("!", [line.node, "blocked", "", reason.text])
        case .reported(let reason): ("?", [line.node, "left alone", "", reason.text])
        }
    }

    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

extension String {
    func padded(to width: Int) -> String { count < width ? self + String(repeating: " ", count: width - count) : self }
}
