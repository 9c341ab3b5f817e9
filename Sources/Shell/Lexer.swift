/// Splits a command line the way exe.dev's lobby does: no expansion, POSIX quotes (celld's quote tests, 2026-09).
package enum Lexer {
    package struct Unbalanced: Error {}

    package static func words(of line: String) throws(Unbalanced) -> [String] {
        var lexer = State(rest: Array(line.unicodeScalars)[...])
        return try lexer.split()
    }

    private struct State {
        var rest: ArraySlice<Unicode.Scalar>
        var words: [String] = []
        var word: String.UnicodeScalarView?

        mutating func split() throws(Unbalanced) -> [String] {
            while let next = rest.popFirst() {
                switch next {
                case " ", "\t", "\n", "\r": finish()
                case "'": try single()
                case "\"": try double()
                case "\\": add(try following())
                default: add(next)
                }
            }
            finish()
            return words
        }

        private mutating func add(_ scalar: Unicode.Scalar) {
            if word == nil { word = .init() }
            word!.append(scalar)
        }

        private mutating func finish() {
            if let word { words.append(String(word)) }
            word = nil
        }

        private mutating func following() throws(Unbalanced) -> Unicode.Scalar {
            guard let next = rest.popFirst() else { throw Unbalanced() }
            return next
        }

        private mutating func single() throws(Unbalanced) {
            word = word ?? .init()
            while true {
                let next = try following()
                if next == "'" { return }
                add(next)
            }
        }

        private mutating func double() throws(Unbalanced) {
            word = word ?? .init()
            while true {
                let next = try following()
                if next == "\"" { return }
                guard next == "\\" else {
                    add(next)
                    continue
                }
                let escaped = try following()
                if !["\"", "\\", "`", "$"].contains(escaped) { add("\\") }
                add(escaped)
            }
        }
    }
}
