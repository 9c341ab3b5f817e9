import ExeDev
import FoundationEssentials

/// What a command of exe.dev answered, for a person: lists of objects as tables, everything else as `key: value`.
struct AnswerText {
    /// The keys that a table shows of rows that have them; empty is all.
    var columns: [String]

    /// `documents`: JSON values.
    func lines(of documents: [Data]) -> [String] { documents.flatMap { lines(of: JSONTree($0)) } }

    private func lines(of tree: JSONTree) -> [String] {
        if let rows = tree.rows { return table(rows) }
        guard case .object(let members) = tree else { return [tree.words] }
        var (lines, tables): ([String], [String]) = ([], [])
        let lists = members.filter { $0.value.rows != nil }.count
        let width = members.filter { $0.value.rows == nil }.map { $0.key.count }.max() ?? 0
        for member in members {
            if let rows = member.value.rows {
                tables += (lists > 1 || members.count > lists ? ["", "\(member.key):"] : []) + table(rows)
            } else if member.value != .list([]) || lists == 0 {
                lines.append("\(member.key): ".padded(to: width + 2) + member.value.words)
            }
        }
        return lines + (lines.isEmpty ? Array(tables.drop { $0.isEmpty }) : tables)
    }

    private func table(_ rows: [[JSONTree.Member]]) -> [String] {
        var keys: [String] = []
        for row in rows { for member in row where !keys.contains(member.key) { keys.append(member.key) } }
        let chosen = columns.filter(keys.contains)
        if !chosen.isEmpty { keys = chosen }
        let cells = rows.map { row in keys.map { key in row.first { $0.key == key }.map { Self.cell($0.value) } ?? "-" } }
        return aligned([keys.map { $0.uppercased().replacing("_", with: "-") }] + cells)
    }

    /// A long text would make every row as wide; --json has all of it.
    private static func cell(_ value: JSONTree) -> String {
        let words = value.words
        return words.utf8.count > 200 ? words.prefix(199) + "…" : words
    }

    /// Two blanks between columns, none behind the last.
    private func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let line = zip(row, widths).map { $0.padded(to: $1 + 2) }.joined()
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
