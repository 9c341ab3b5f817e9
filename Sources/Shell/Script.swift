/// A POSIX shell script as a value: what is interpolated is quoted, what is secret is a hole.
///
/// ```swift
/// let script: Script = "install -m 600 /dev/null \(path)"     // `path` becomes one word
/// ```
/// A script is shown to people with its holes named (``shown``) and turned into bytes only at the moment
/// it is sent (``bytes(revealing:)``), so no secret can reach a plan, a log or an argument list.
package struct Script: Sendable, Hashable, ExpressibleByStringInterpolation {
    package enum Piece: Sendable, Hashable {
        case text(String)
        case hole(SecretName)
    }

    package private(set) var pieces: [Piece]

    package init(stringLiteral value: String) {
        pieces = [.text(value)]
    }

    package init(stringInterpolation: Interpolation) {
        pieces = stringInterpolation.pieces
    }

    /// Text that is shell already: nothing in it is quoted.
    package init(raw: String) {
        pieces = [.text(raw)]
    }

    /// The scripts one after another, each on lines of its own.
    package init(lines scripts: [Script]) {
        pieces = Array(scripts.map(\.pieces).joined(separator: [.text("\n")]))
    }

    package static func + (left: Script, right: Script) -> Script {
        Script(lines: [left, right])
    }

    /// What an operator may read: holes appear as `'<secret NAME>'`.
    package var shown: String {
        pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .hole(let name): quoted("<secret \(name.rawValue)>")
            }
        }.joined()
    }

    /// The names of the secrets that the script needs, in order of use.
    package var holes: [SecretName] {
        pieces.compactMap { if case .hole(let name) = $0 { name } else { nil } }
    }

    /// The bytes for standard input of a shell. `reveal` is asked once for each hole.
    package func bytes(revealing reveal: (SecretName) throws -> String) rethrows -> [UInt8] {
        var out: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .text(let text): out.append(contentsOf: text.utf8)
            case .hole(let name): out.append(contentsOf: quoted(try reveal(name)).utf8)
            }
        }
        return out
    }

    package struct Interpolation: StringInterpolationProtocol {
        fileprivate var pieces: [Piece] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            pieces.reserveCapacity(interpolationCount * 2 + 1)
        }

        package mutating func appendLiteral(_ literal: String) {
            pieces.append(.text(literal))
        }

        /// One word.
        package mutating func appendInterpolation(_ word: String) {
            pieces.append(.text(quoted(word)))
        }

        package mutating func appendInterpolation(_ number: Int) {
            pieces.append(.text(String(number)))
        }

        /// Several words, each quoted, separated by blanks.
        package mutating func appendInterpolation(words: [String]) {
            pieces.append(.text(words.map(quoted).joined(separator: " ")))
        }

        /// Another script, as it is.
        package mutating func appendInterpolation(_ script: Script) {
            pieces.append(contentsOf: script.pieces)
        }

        /// Text that is shell already.
        package mutating func appendInterpolation(raw: String) {
            pieces.append(.text(raw))
        }

        /// A quoted word whose text is known only when the script is sent.
        package mutating func appendInterpolation(secret name: SecretName) {
            pieces.append(.hole(name))
        }
    }
}

/// Names a secret without holding it.
package struct SecretName: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }
}
