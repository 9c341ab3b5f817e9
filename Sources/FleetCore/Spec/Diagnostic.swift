import Shell

/// One problem of a fleet file, at the place where an editor should put the cursor.
package struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, Hashable { case error, warning }

    package var severity: Severity
    package var file: String
    /// `pools.web.nodes`; empty for the file as a whole.
    package var path: String
    /// Both count from 1; a column is a Unicode scalar.
    package var line: Int
    package var column: Int
    package var message: String
    /// A nearby word that would have been accepted.
    package var suggestion: String?

    package var description: String {
        let place = path.isEmpty ? "" : " \(path):"
        let hint = suggestion.map { "; did you mean \"\($0)\"?" } ?? ""
        // The file's names and texts stand in it, and whatever its editor pasted there.
        return OutsideText.line(
            "\(file):\(line):\(column):\(place) \(severity == .warning ? "warning: " : "")\(message)\(hint)", limit: Self.longest)
    }

    private static let longest = 1000

    /// As many as a person reads, errors before warnings where not all are shown; the last one tells how many more there are.
    package static func bounded(_ all: [Diagnostic], to most: Int = 50) -> [Diagnostic] {
        guard all.count > most else { return all }
        let ranked = all.filter { $0.severity == .error } + all.filter { $0.severity == .warning }
        let (shown, hidden) = (ranked.prefix(most), ranked.dropFirst(most))
        let isError = hidden.first?.severity == .error
        let rest = Diagnostic(
            severity: isError ? .error : .warning, file: ranked[0].file, path: "", line: hidden[most].line, column: hidden[most].column,
            message: "and \(hidden.count) more problems", suggestion: nil)
        return shown + [rest]
    }
}

/// The accepted word within two edits or a third of `word`'s length in edits, if any.
package func nearest(_ word: String, in accepted: [String]) -> String? {
    let limit = max(2, word.utf8.count / 3)
    guard word.utf8.count <= 64 else { return nil }
    let ranked = accepted.map { (edits(Array(word.utf8), Array($0.utf8)), $0) }.min { $0 < $1 }
    return ranked.flatMap { $0.0 <= limit ? $0.1 : nil }
}

private func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let cost = min(diagonal + (a[i] == b[j] ? 0 : 1), row[j] + 1, row[j + 1] + 1)
            (diagonal, row[j + 1]) = (row[j + 1], cost)
        }
    }
    return row[b.count]
}
