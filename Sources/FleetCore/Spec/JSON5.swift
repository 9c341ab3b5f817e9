/// A JSON5 value and where it stands.
struct JSON5Node {
    indirect enum Value {
        case null
        case bool(Bool)
        case integer(Int)
        case double(Double)
        case string(String)
        case array([JSON5Node])
        case object([JSON5Member])
    }
    var value: Value
    /// Byte offset of the first byte.
    var offset: Int
}

struct JSON5Member {
    var key: String
    var offset: Int
    var node: JSON5Node
}

struct JSON5Error: Error {
    var offset: Int
    var message: String
}

/// Reads JSON5 (comments, trailing commas, single quotes, bare keys, hex numbers). Depth is bounded, so no input exhausts the stack.
struct JSON5Reader {
    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var places: Places { Places(bytes) }

    mutating func document() throws(JSON5Error) -> JSON5Node {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
        let node = try value()
        try blanks()
        guard at == bytes.count else { throw fail("text after the end of the value") }
        return node
    }

    private func fail(_ message: String, at offset: Int? = nil) -> JSON5Error { JSON5Error(offset: offset ?? at, message: message) }
    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func blanks() throws(JSON5Error) {
        while let byte = next {
            switch byte {
            case 9, 10, 11, 12, 13, 32: at += 1
            case 0xC2 where at + 1 < bytes.count && bytes[at + 1] == 0xA0: at += 2
            case UInt8(ascii: "/"): try comment()
            default: return
            }
        }
    }

    private mutating func comment() throws(JSON5Error) {
        let start = at
        guard at + 1 < bytes.count else { throw fail("unexpected \"/\"") }
        if bytes[at + 1] == UInt8(ascii: "/") {
            while let byte = next, byte != 10, byte != 13 { at += 1 }
        } else if bytes[at + 1] == UInt8(ascii: "*") {
            at += 2
            while at + 1 < bytes.count, !(bytes[at] == UInt8(ascii: "*") && bytes[at + 1] == UInt8(ascii: "/")) { at += 1 }
            guard at + 1 < bytes.count else { throw fail("this comment is never closed", at: start) }
            at += 2
        } else {
            throw fail("unexpected \"/\"")
        }
    }

    private mutating func value() throws(JSON5Error) -> JSON5Node {
        try blanks()
        let start = at
        guard let byte = next else { throw fail("the file ends where a value should stand") }
        switch byte {
        case UInt8(ascii: "{"): return JSON5Node(value: .object(try members()), offset: start)
        case UInt8(ascii: "["): return JSON5Node(value: .array(try elements()), offset: start)
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return JSON5Node(value: .string(try string()), offset: start)
        default: return JSON5Node(value: try scalar(), offset: start)
        }
    }

    private mutating func enter() throws(JSON5Error) {
        guard depth < 64 else { throw fail("nested deeper than 64 levels") }
        (depth, at) = (depth + 1, at + 1)
    }

    private mutating func members() throws(JSON5Error) -> [JSON5Member] {
        let start = at
        try enter()
        var found: [JSON5Member] = []
        while true {
            try blanks()
            guard let byte = next else { throw fail("this \"{\" is never closed", at: start) }
            if byte == UInt8(ascii: "}") { break }
            let offset = at
            let isQuoted = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
            let key = try (isQuoted ? string() : bareWord())
            try blanks()
            guard next == UInt8(ascii: ":") else { throw fail("expected \":\" after the key \"\(key)\"") }
            at += 1
            found.append(JSON5Member(key: key, offset: offset, node: try value()))
            if try !comma(or: UInt8(ascii: "}"), opened: start) { break }
        }
        (depth, at) = (depth - 1, at + 1)
        return found
    }

    private mutating func elements() throws(JSON5Error) -> [JSON5Node] {
        let start = at
        try enter()
        var found: [JSON5Node] = []
        while true {
            try blanks()
            guard let byte = next else { throw fail("this \"[\" is never closed", at: start) }
            if byte == UInt8(ascii: "]") { break }
            found.append(try value())
            if try !comma(or: UInt8(ascii: "]"), opened: start) { break }
        }
        (depth, at) = (depth - 1, at + 1)
        return found
    }

    /// True after a comma, false before `close`.
    private mutating func comma(or close: UInt8, opened: Int) throws(JSON5Error) -> Bool {
        try blanks()
        switch next {
        case UInt8(ascii: ","):
            at += 1
            return true
        case close: return false
        case nil: throw fail("this \"\(Character(Unicode.Scalar(bytes[opened])))\" is never closed", at: opened)
        default: throw fail("expected \",\" or \"\(Character(Unicode.Scalar(close)))\"")
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 36, 95, 0x80...: true
        default: false
        }
    }

    private mutating func bareWord() throws(JSON5Error) -> String {
        let start = at
        while let byte = next, Self.isWordByte(byte) { at += 1 }
        guard at > start, !(48...57).contains(bytes[start]) else { throw fail("expected a key or \"}\"", at: start) }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func scalar() throws(JSON5Error) -> JSON5Node.Value {
        let start = at
        while let byte = next, Self.isWordByte(byte) || byte == 43 || byte == 45 || byte == 46 { at += 1 }
        let word = String(decoding: bytes[start..<at], as: UTF8.self)
        switch word {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "": throw fail("a value cannot start here")
        default: break
        }
        let negative = word.hasPrefix("-")
        let digits = negative || word.hasPrefix("+") ? String(word.dropFirst()) : word
        guard let first = digits.utf8.first, (48...57).contains(first) || first == 46 else {
            throw fail("\"\(word)\" is no value; texts stand in quotes", at: start)
        }
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            let hex = digits.dropFirst(2)
            guard let number = hex.first?.isHexDigit == true ? Int(hex, radix: 16) : nil else {
                throw fail("bad number \(word)", at: start)
            }
            return .integer(negative ? -number : number)
        }
        guard digits.count == 1 || first != 48 || !digits.dropFirst().allSatisfy({ $0.isNumber }) else {
            throw fail("a number may not start with 0", at: start)
        }
        if let number = Int(word) { return .integer(number) }
        let padded = (digits.hasPrefix(".") ? "0" : "") + digits + (digits.hasSuffix(".") ? "0" : "")
        guard let number = Double(padded), number.isFinite else { throw fail("bad number \(word)", at: start) }
        return .double(negative ? -number : number)
    }

    private mutating func string() throws(JSON5Error) -> String {
        let start = at
        let quote = bytes[at]
        var out: [UInt8] = []
        at += 1
        while let byte = next {
            at += 1
            switch byte {
            case quote: return String(decoding: out, as: UTF8.self)
            case 10, 13: throw fail("this text is never closed", at: start)
            case UInt8(ascii: "\\"): try escape(into: &out)
            default: out.append(byte)
            }
        }
        throw fail("this text is never closed", at: start)
    }

    private mutating func escape(into out: inout [UInt8]) throws(JSON5Error) {
        guard let byte = next else { throw fail("the file ends inside a text") }
        at += 1
        switch byte {
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "v"): out.append(11)
        case UInt8(ascii: "0"): out.append(0)
        case 13: if next == 10 { at += 1 }
        case 10: break
        case UInt8(ascii: "x"): out.append(contentsOf: String(Unicode.Scalar(UInt8(truncatingIfNeeded: try hex(2)))).utf8)
        case UInt8(ascii: "u"): out.append(contentsOf: String(try unicode()).utf8)
        default: out.append(byte)
        }
    }

    private mutating func hex(_ count: Int) throws(JSON5Error) -> UInt32 {
        guard at + count <= bytes.count else { throw fail("the file ends inside an escape") }
        var number: UInt32 = 0
        for byte in bytes[at..<at + count] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw fail("an escape needs \(count) hex digits") }
            number = number << 4 | UInt32(digit)
        }
        at += count
        return number
    }

    private mutating func unicode() throws(JSON5Error) -> Character {
        let start = at - 2
        var code = try hex(4)
        if (0xD800..<0xDC00).contains(code), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") {
            at += 2
            let low = try hex(4)
            guard (0xDC00..<0xE000).contains(low) else { throw fail("half of a surrogate pair", at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fail("half of a surrogate pair", at: start) }
        return Character(scalar)
    }
}
