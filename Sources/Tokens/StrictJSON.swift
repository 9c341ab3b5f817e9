package import FoundationEssentials

/// JSON to the letter (RFC 8259). Foundation's decoder also takes a comma too many, `01` and half a surrogate pair, which exe.dev's may not.
package struct StrictJSON {
    private let bytes: [UInt8]
    private var at = 0

    private struct Odd: Error {}
    /// Deeper ones are refused.
    private static let deepest = 100

    /// Whether it is one JSON value.
    package static func isValue(_ document: Data) -> Bool {
        var reader = StrictJSON(bytes: [UInt8](document))
        return (try? reader.value(depth: 0)) != nil && reader.skipBlanks() == nil
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// The byte behind blanks; nil at the end.
    private mutating func skipBlanks() -> UInt8? {
        while at < bytes.count, [9, 10, 13, 32].contains(bytes[at]) { at += 1 }
        return at < bytes.count ? bytes[at] : nil
    }

    private mutating func take(_ byte: UInt8) throws(Odd) {
        guard skipBlanks() == byte else { throw Odd() }
        at += 1
    }

    private mutating func value(depth: Int) throws(Odd) {
        guard depth < Self.deepest else { throw Odd() }
        switch skipBlanks() {
        case UInt8(ascii: "{"): try members(UInt8(ascii: "}"), hasKeys: true, depth)
        case UInt8(ascii: "["): try members(UInt8(ascii: "]"), hasKeys: false, depth)
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
    }

    private mutating func members(_ end: UInt8, hasKeys: Bool, _ depth: Int) throws(Odd) {
        at += 1
        if skipBlanks() == end { return at += 1 }
        while true {
            if hasKeys {
                guard skipBlanks() == UInt8(ascii: "\"") else { throw Odd() }
                try string()
                try take(UInt8(ascii: ":"))
            }
            try value(depth: depth + 1)
            if skipBlanks() == end { return at += 1 }
            try take(UInt8(ascii: ","))
        }
    }

    private mutating func word(_ text: String) throws(Odd) {
        guard bytes[at...].starts(with: text.utf8) else { throw Odd() }
        at += text.utf8.count
    }

    private mutating func number() throws(Odd) {
        let rest = String(decoding: bytes[at...].prefix { (43...101).contains($0) }, as: UTF8.self)
        guard let match = rest.prefixMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/), !match.0.isEmpty else { throw Odd() }
        at += match.0.utf8.count
    }

    /// It stands at the quote. Escapes name characters: half a surrogate pair is none.
    private mutating func string() throws(Odd) {
        at += 1
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
            guard bytes[at] >= 32 else { throw Odd() }
            guard bytes[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            guard at + 1 < bytes.count else { throw Odd() }
            at += 2
            switch bytes[at - 1] {
            case UInt8(ascii: "u"):
                let unit = try hexadecimal()
                guard !(0xdc00...0xdfff).contains(unit) else { throw Odd() }
                guard (0xd800...0xdbff).contains(unit) else { continue }
                guard bytes[at...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else { throw Odd() }
                at += 2
                guard (0xdc00...0xdfff).contains(try hexadecimal()) else { throw Odd() }
            case let byte where "\"\\/bfnrt".utf8.contains(byte): continue
            default: throw Odd()
            }
        }
        guard at < bytes.count else { throw Odd() }
        at += 1
    }

    private mutating func hexadecimal() throws(Odd) -> Int {
        let digits = String(decoding: bytes[at...].prefix(4), as: UTF8.self)
        guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit), let unit = Int(digits, radix: 16) else { throw Odd() }
        at += 4
        return unit
    }
}
