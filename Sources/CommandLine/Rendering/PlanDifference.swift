import FleetCore
import Shell

extension PlanDocument {
    /// How many items are named.
    private static let few = 6

    /// What makes the saved plan stale.
    func causes(since saved: PlanDocument) -> [String] {
        let lines = differences(since: saved)
        return lines.isEmpty ? ["the steps are the same; the cluster or a VM behind them is another one, or its tags are"] : lines
    }

    /// What became different since `saved` was made, a few lines. Empty when nothing that a plan shows did.
    func differences(since saved: PlanDocument) -> [String] {
        let then = Dictionary(saved.nodes.map { ($0.node, $0) }, uniquingKeysWith: { first, _ in first })
        let now = Dictionary(nodes.map { ($0.node, $0) }, uniquingKeysWith: { first, _ in first })
        let changed = Set(then.keys).union(now.keys).sorted().compactMap { name -> String? in
            let (old, new) = (then[name], now[name])
            guard old?.essence != new?.essence else { return nil }
            // The saved plan is a file, which anybody may have edited.
            return OutsideText.line("\(name): was \(old?.words ?? "not in the plan"), is \(new?.words ?? "not in the plan any more")")
        }
        var lines = Array(changed.prefix(Self.few))
        if changed.count > lines.count { lines.append("and \(changed.count - lines.count) more") }
        if let fleetFile, let old = saved.fleetFile, fleetFile != old { lines.append("the fleet file was edited") }
        return lines
    }
}

extension PlanDocument.Node {
    /// What the plan's basis rests on.
    fileprivate var essence: [String] { [decision, step ?? "", detail ?? ""] + then }

    fileprivate var words: String {
        guard let step, let kind = StepKind(rawValue: step) else { return decision + (text.map { " (\($0))" } ?? "") }
        return kind.words + (detail.map { $0.isEmpty ? "" : " (\($0))" } ?? "")
    }
}
