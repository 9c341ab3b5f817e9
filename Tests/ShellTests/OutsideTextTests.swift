import Foundation
import Shell
import Testing

@Suite struct OutsideTextTests {
    struct Row: CustomTestStringConvertible {
        let text: String
        let line: String
        var testDescription: String { line }

        init(_ text: String, _ line: String) { (self.text, self.line) = (text, line) }
    }

    static let rows = [
        Row("plain text, with ünïcode and 🙂", "plain text, with ünïcode and 🙂"),
        Row("two\nlines\r\nand\n\n\nmore\n", "two lines and more"),
        Row("\u{1b}[2Jgone", #"\u{1b}[2Jgone"#),
        Row("bell\u{7}, backspace\u{8}, delete\u{7f}, tab\t", #"bell\u{7}, backspace\u{8}, delete\u{7f}, tab\u{9}"#),
        Row("C1: \u{9b}31m \u{85}", #"C1: \u{9b}31m \u{85}"#),
        Row("turned \u{202e}round\u{2066}", #"turned \u{202e}round\u{2066}"#),
        Row("hidden \u{200b}\u{feff} and \u{2028}", #"hidden \u{200b}\u{feff} and \u{2028}"#),
        Row("nul\0", #"nul\u{0}"#), Row("", ""), Row("\n", ""),
    ]

    @Test(arguments: rows) func isOneHarmlessLine(row: Row) {
        #expect(OutsideText.line(row.text) == row.line)
        #expect(OutsideText.line(row.line) == row.line, "a line stays as it is")
    }

    @Test func isCutAtItsBound() {
        let text = String(repeating: "ab", count: 5000)
        let (head, tail) = (OutsideText.line(text + "END"), OutsideText.line("START" + text + "END", keeping: .end))
        #expect(head.count == 400 && head.hasPrefix("abab") && head.hasSuffix("…"))
        #expect(tail.count == 400 && tail.hasPrefix("…") && tail.hasSuffix("abEND"))
        #expect(OutsideText.line(head) == head && OutsideText.line(tail, keeping: .end) == tail)
        #expect(OutsideText.line(String(repeating: "\u{1b}", count: 300)).count == 400)
    }

    @Test func severalLinesStaySeveral() {
        #expect(OutsideText.lines("a\n\tb\u{1b}c\n") == "a\n\tb\\u{1b}c\n")
    }
}

@Suite struct RedactionTests {
    private static let secret = #"exe1.p"ay/load.sig+nature?"#
    private static let redaction = Redaction([("token", secret), ("short", "abc")])

    private static func lowercasedEscapes(_ url: String) -> String {
        url.replacing(#/%../#) { String($0.output).lowercased() }
    }

    /// As in SecretTests: every usual spelling, the base64 ones at each of the three places.
    static let spellings: [String] = {
        let bytes = Data(secret.utf8)
        let json = String(decoding: (try? JSONEncoder().encode(secret)) ?? Data(), as: UTF8.self).dropFirst().dropLast()
        let hex = bytes.map { String(format: "%02x", $0) }.joined()
        let shifted = (0..<3).map { String((Data(repeating: 65, count: $0) + bytes).base64EncodedString()) }
        let url = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~")))!
        let inURL = shifted.map { $0.replacing("+", with: "-").replacing("/", with: "_") }
        return [secret, String(json), hex, hex.uppercased(), url, lowercasedEscapes(url)] + shifted + inURL
    }()

    @Test(arguments: spellings) func replacesEachSpelling(spelling: String) {
        let text = Self.redaction.text(Array("before \(spelling) after".utf8))
        #expect(text.contains("<secret token>") && text.hasPrefix("before ") && text.hasSuffix(" after"), "\(text)")
        // Of base64 the characters that the neighbours decide too may stay: fewer than four at each end.
        let rest = text.replacing("before ", with: "").replacing(" after", with: "").replacing("<secret token>", with: "")
        #expect(rest.count <= 8, "\(rest)")
    }

    /// `base64` wraps at 76 columns, PEM at 64, `xxd -p` at 60; a log or JSON writes the line end as an escape, a terminal breaks anywhere.
    @Test(arguments: ["\n", "\r\n", "\n    ", " ", "\\n", "\\r\\n", "\t"], [1, 7, 20]) func replacesWhatIsWrapped(end: String, width: Int) {
        for spelling in Self.spellings {
            let letters = Array(spelling)
            let lines = stride(from: 0, to: letters.count, by: width).map { String(letters[$0..<min($0 + width, letters.count)]) }
            let text = Self.redaction.text(Array("<\(lines.joined(separator: end))>".utf8))
            let rest = text.replacing("<secret token>", with: "").filter { !$0.isWhitespace }.replacing(end, with: "")
            #expect(text.contains("<secret token>") && rest.count <= 10 + 8 * end.count, "\(text)")
        }
    }

    @Test func replacesAFileOfSeveralLines() {
        let file = "-----BEGIN KEY-----\nMC4CAQAw\n-----END KEY-----\n"
        let redaction = Redaction([("key", file)])
        let base64 = Data(file.utf8).base64EncodedString()
        for spelling in [
            file, file.replacing("\n", with: " "), file.replacing("\n", with: "\\n"), file.replacing("\n", with: "\r\n"), base64,
        ] {
            let text = redaction.text(Array(spelling.utf8))
            #expect(text.hasPrefix("<secret key>") && text.count <= 16, "\(text)")
        }
    }

    @Test(arguments: 8..<20) func replacesTheBeginningOfOneThatWasCut(length: Int) {
        #expect(Self.redaction.text(Array(("said: " + Self.secret.prefix(length)).utf8)) == "said: <secret token>")
    }

    @Test func leavesEverythingElse() {
        let text = "abc exe1.p and \0\u{1b} ü"
        #expect(Self.redaction.text(Array(text.utf8)) == text)
        #expect(Redaction([]).text(Array(text.utf8)) == text)
    }
}
