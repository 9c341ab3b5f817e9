package import K3s

/// Labels, taints and our own annotations that a node is given in one patch.
package struct NodePatch: Sendable, Hashable {
    /// Nil removes the label.
    package var labels: [String: String?]
    /// Nil leaves them as they are.
    package var taints: TaintChange?
    package var annotations: [String: String]
    package var summary: String

    package init(labels: [String: String?], taints: TaintChange?, annotations: [String: String], summary: String) {
        (self.labels, self.taints, self.annotations, self.summary) = (labels, taints, annotations, summary)
    }
}

/// All taints of a node, other owners' included, as they were observed and as they shall be: the API replaces the whole list, so it must
/// not have changed meanwhile.
package struct TaintChange: Sendable, Hashable {
    package var from: [Taint]
    package var to: [Taint]

    package init(from: [Taint], to: [Taint]) {
        (self.from, self.to) = (from, to)
    }
}
