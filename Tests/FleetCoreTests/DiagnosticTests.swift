import Testing

@testable import FleetCore

/// How the problems of a file reach a person.
@Suite struct DiagnosticTests {
    /// The names and texts of a file are whatever its editor pasted.
    @Test func doesNothingToATerminal() {
        let diagnostics = FleetFile.parse("{'x\u{1b}[2Jy': 1, cluster: {name: 'a\u{9b}31m\u{202e}b'}}", file: "f\u{7}.json").diagnostics
        let text = diagnostics.map(\.description).joined(separator: "\n")
        #expect(text.contains(#"x\u{1b}[2Jy"#) && text.contains(#"f\u{7}.json"#))
        #expect(
            text.unicodeScalars.allSatisfy {
                $0 == "\n" || $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
            })
        #expect(
            FleetFile.parse("{'\(String(repeating: "long", count: 5000))': 1}", file: "f").diagnostics.allSatisfy { "\($0)".count <= 1000 })
    }

    @Test func showsSoManyAsAPersonReads() {
        let fields = (1...300).map { "f\($0): 1" }.joined(separator: ",\n")
        let all = FleetFile.parse("{\(fields)}", file: "f").diagnostics
        let shown = Diagnostic.bounded(all)
        #expect(all.count > 300 && shown.count == 51 && shown.prefix(50) == all.prefix(50))
        #expect(shown.last?.message == "and \(all.count - 50) more problems")
        #expect(Diagnostic.bounded(Array(all.prefix(50))) == Array(all.prefix(50)))
    }

    /// A file whose warnings come first is refused for a reason that is shown.
    @Test func showsErrorsFirst() {
        func problem(_ line: Int, _ severity: Diagnostic.Severity) -> Diagnostic {
            Diagnostic(severity: severity, file: "f", path: "", line: line, column: 1, message: "m\(line)", suggestion: nil)
        }
        let shown = Diagnostic.bounded((1...9).map { problem($0, $0 == 9 ? .error : .warning) }, to: 3)
        #expect(shown.map(\.line) == [9, 1, 2, 3] && shown.last?.severity == .warning)
    }
}
