import Shell

/// What one attempt at a drain came to.
package enum DrainReading: Sendable, Hashable {
    case drained
    /// Pods are left.
    case pending(DrainHindrance)

    /// Reads what `HostScript.drain` printed; throws when the answer is cut or is not an answer of ours.
    package static func parse(_ output: String) throws(ReadingError) -> DrainReading {
        var (isDrained, hindrance) = (false, DrainHindrance())
        for (key, value) in try Sections.fields(of: output, named: "drain") {
            switch key {
            case "state": isDrained = value == "drained"
            case "said": hindrance.note(value)
            case "budget": hindrance.add(value, to: \.budgets)
            default: break
            }
        }
        if isDrained { return .drained }
        let places = Set((hindrance.evicting).compactMap { $0.split(separator: "/").first })
        hindrance.budgets.removeAll { budget in !budget.split(separator: "/").prefix(1).allSatisfy(places.contains) }
        return .pending(hindrance)
    }
}

/// Why pods are left on a node that is drained. Pods and budgets are `NAMESPACE/NAME`, at most ten of a kind.
package struct DrainHindrance: Sendable, Hashable, Codable {
    /// Pods that nothing would start again. kubectl ends no pod at all of a node that has one, unless it is forced (facts/kubernetes.md #4).
    package var bare: [String] = []
    /// Pods with emptyDir volumes, which are lost with them, where the fleet file keeps those.
    package var withData: [String] = []
    /// Pods that could not be evicted, or have not ended yet.
    package var evicting: [String] = []
    /// Disruption budgets beside them that allow no eviction now.
    package var budgets: [String] = []

    package init() {}

    /// One clause, as it stands behind the node's name.
    package var words: String {
        let parts = [
            bare.isEmpty ? nil : "pods without a controller: " + bare.joined(separator: ", "),
            withData.isEmpty ? nil : "pods with emptyDir volumes: " + withData.joined(separator: ", "),
            evicting.isEmpty ? nil : "pods that are not evicted yet: " + evicting.joined(separator: ", "),
            budgets.isEmpty ? nil : "disruption budgets that allow none: " + budgets.joined(separator: ", "),
        ].compactMap(\.self)
        return parts.isEmpty ? "pods are left" : parts.joined(separator: "; ")
    }

    fileprivate mutating func add(_ pod: String, to list: WritableKeyPath<DrainHindrance, [String]>) {
        let pod = OutsideText.line(pod, limit: 130)
        if self[keyPath: list].count < 10, !self[keyPath: list].contains(pod) { self[keyPath: list].append(pod) }
    }

    /// A line of kubectl's (1.30 to 1.37 say the same).
    fileprivate mutating func note(_ line: String) {
        if let match = line.firstMatch(of: /(?:pods\/|pod )"([^"]+)" (?:-n|in namespace) "([^"]+)"/) {
            return add("\(match.2)/\(match.1)", to: \.evicting)
        }
        for match in line.matches(of: /annot delete Pods ([^(]*)\(use [^)]*\): ([^\]]*?)(?=, cannot delete|$|\])/) {
            let list: WritableKeyPath<DrainHindrance, [String]> = match.1.contains("local storage") ? \.withData : \.bare
            for pod in match.2.split(separator: ", ") where pod.contains("/") { add(String(pod), to: list) }
        }
    }
}
