package import K3s

extension NodePatch {
    /// Annotations in which we write down which labels and taints are ours to remove again.
    package static let managedLabels = NodeAnnotation.managedLabels
    package static let managedTaints = NodeAnnotation.managedTaints

    /// The annotation of a node whose removal we have begun: its cordon is ours to lift, should the file come to ask for it again.
    package static let removing = NodeAnnotation.removing

    /// The patch that gives `node` what the spec asks for, or nil when it has it.
    ///
    /// Only keys that we put there before are ever removed: everybody else's labels and taints stay.
    package static func drift(of node: NodeReading, from want: DesiredNode) -> NodePatch? {
        if isShaped(node, want) { return nil }
        let ownedLabels = Set(list(node.annotations[managedLabels]))
        let ownedTaints = Set(list(node.annotations[managedTaints]))
        var labels: [String: String?] = [:]
        for (key, value) in want.labels where node.labels[key] != value { labels[key] = .some(value) }
        for key in ownedLabels where want.labels[key] == nil && node.labels[key] != nil { labels[key] = .some(nil) }

        let ours = ownedTaints.union(want.taints.map(identity))
        let kept = node.taints.filter { !ours.contains(identity($0)) }
        let taints = (kept + want.taints).sorted()
        let annotations = [
            managedLabels: want.labelKeys, managedTaints: want.taintKeys,
        ]
        let isTainted = taints == node.taints.sorted()
        let isNoted = annotations.allSatisfy { (node.annotations[$0.key] ?? "") == $0.value }
        guard !labels.isEmpty || !isTainted || !isNoted else { return nil }
        let words = labels.keys.sorted().map { key in labels[key]! == nil ? "\(key)-" : "\(key)=\(labels[key]!!)" }
        let taintWords = isTainted ? [] : ["taints " + want.taints.map(\.description).joined(separator: " ")]
        return NodePatch(
            labels: labels, taints: isTainted ? nil : TaintChange(from: node.taints, to: taints), annotations: annotations,
            summary: (words + taintWords).joined(separator: ", "))
    }

    /// Whether there is no drift at a glance, as is usual: what is noted as ours is what is wanted, and it is there.
    static func isShaped(_ node: NodeReading, _ want: DesiredNode) -> Bool {
        node.taints == want.taints && want.labels.allSatisfy { node.labels[$0.key] == $0.value }
            && node.annotations[managedLabels] == want.labelKeys && node.annotations[managedTaints] == want.taintKeys
    }

    private static func list(_ text: String?) -> [String] { (text ?? "").split(separator: ",").map(String.init) }

    static func identity(_ taint: Taint) -> String { "\(taint.key):\(taint.effect.rawValue)" }
}
