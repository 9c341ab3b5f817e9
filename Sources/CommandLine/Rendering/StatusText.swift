import Daemon

extension StatusDocument {
    /// A table, one line a node.
    var text: String {
        let header = ["NAME", "POOL", "VM", "NODE", "VERSION", "ADDRESS", "LABELS", "TAINTS", "DRIFT"]
        let rows = [header] + nodes.map(\.row)
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let notice = paused.map { "PAUSED: the fleet is \($0)\n" } ?? ""
        return notice
            + rows.map { row in
                row.enumerated().map { $0.offset == row.count - 1 ? $0.element : $0.element.padded(to: widths[$0.offset]) }.joined(
                    separator: "  ")
            }.joined(separator: "\n")
    }
}

extension StatusDocument.Node {
    fileprivate var row: [String] {
        let shown = managed.filter { $0 != "exedev.dev/pool" }.compactMap { key in labels[key].map { "\(key)=\($0)" } }
        return [
            name, pool, vm, node, version, address, Self.cell(shown.joined(separator: ",")), Self.cell(taints.joined(separator: ",")),
            Self.cell(text),
        ]
    }

    private static func cell(_ text: String) -> String { text.isEmpty ? "-" : text }
}
