/// Text that exe.dev, a host or kubectl wrote. Everything of it that people or files get to see passes `line`; what may hold our secrets passes
/// `Redaction` before.
package enum OutsideText {
    /// Most characters that are shown of one text.
    package static let limit = 400

    /// Which part of a text that is too long stays.
    package enum Part: Sendable { case beginning, end }

    /// One line that does nothing to a terminal: line ends become spaces, and control, C1, bidirectional and invisible characters are escaped as
    /// `\u{1b}`. At most `limit` characters, of which `…` stands for the rest. A line stays as it is.
    package static func line(_ text: String, keeping part: Part = .beginning, limit: Int = limit) -> String {
        if text.utf8.count <= limit, text.utf8.allSatisfy({ (32...126).contains($0) }) { return text }
        var out = ""
        var wasEnd = false
        // What is far beyond the limit need not be looked at; an escape never makes a text shorter.
        let scalars = part == .beginning ? Array(text.unicodeScalars.prefix(limit + 1)) : Array(text.unicodeScalars.suffix(limit + 1))
        for scalar in scalars {
            let isEnd = scalar == "\n" || scalar == "\r"
            if !isEnd { out.unicodeScalars.append(contentsOf: isPlain(scalar) ? String.UnicodeScalarView([scalar]) : escaped(scalar)) }
            if isEnd, !wasEnd, !out.isEmpty { out += " " }
            wasEnd = isEnd
        }
        while out.last == " " { out.removeLast() }
        guard out.count > limit || scalars.count > limit else { return out }
        return part == .beginning ? out.prefix(limit - 1) + "…" : "…" + out.suffix(limit - 1)
    }

    /// Several lines for a terminal: the same, but line ends and tabs stay, and nothing is cut.
    package static func lines(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            let isKept = scalar == "\n" || scalar == "\t" || isPlain(scalar)
            out.unicodeScalars.append(contentsOf: isKept ? String.UnicodeScalarView([scalar]) : escaped(scalar))
        }
        return out
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String.UnicodeScalarView {
        ("\\u{" + String(scalar.value, radix: 16) + "}").unicodeScalars
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}

/// Replaces secrets wherever they stand, in each spelling in which programs repeat what they were given: as it is, in JSON, in a URL, in hex and
/// in base64, and with line ends or other white space anywhere inside (base64 is wrapped at 64 or 76 columns, hex at 60).
package struct Redaction: Sendable {
    /// What is replaced, without its white space, and by what; the longest first.
    private let replacements: [(form: [UInt8], mark: [UInt8])]
    /// The bytes that a form begins with.
    private let firsts: [Bool]

    /// A secret of fewer than eight characters is none: its letters are everywhere.
    package init(_ secrets: [(name: String, value: String)]) {
        var all: [(form: [UInt8], mark: [UInt8])] = []
        for (name, value) in secrets where value.utf8.count >= 8 {
            let mark = Array("<secret \(name)>".utf8)
            let ends = value.utf8.reversed().prefix { Self.isSpace($0) }.count
            for form in Self.forms(of: Array(value.utf8.dropLast(ends))) {
                let form = form.filter { !Self.isSpace($0) }
                if form.count >= 8 { all.append((form, mark)) }
            }
        }
        replacements = all.sorted { $0.form.count > $1.form.count }
        var firsts = [Bool](repeating: false, count: 256)
        for (form, _) in replacements { firsts[Int(form[0])] = true }
        self.firsts = firsts
    }

    package func text(_ bytes: [UInt8]) -> String { String(decoding: apply(to: bytes), as: UTF8.self) }

    /// `bytes` may be cut anywhere: the beginning of a secret at the end is replaced too.
    package func apply(to bytes: [UInt8]) -> [UInt8] {
        guard !replacements.isEmpty else { return bytes }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if firsts[Int(bytes[at])], let (length, mark) = secret(in: bytes, at: at) {
                out += mark
                at += length
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return out
    }

    private func secret(in bytes: [UInt8], at start: Int) -> (length: Int, mark: [UInt8])? {
        for (form, mark) in replacements {
            if let length = Self.length(of: form, in: bytes, at: start) { return (length, mark) }
        }
        return nil
    }

    /// How many bytes from `start` on spell `form`, or at the end of `bytes` its beginning; white space in between is skipped.
    private static func length(of form: [UInt8], in bytes: [UInt8], at start: Int) -> Int? {
        var (at, matched, end) = (start, 0, start)
        while at < bytes.count, matched < form.count {
            // A secret may have a backslash and an `n` of its own.
            if let space = spaceLength(in: bytes, at: at), !form[matched...].starts(with: bytes[at..<at + space]) {
                at += space
            } else if bytes[at] == form[matched] {
                (at, matched) = (at + 1, matched + 1)
                end = at
            } else {
                return nil
            }
        }
        return matched >= 8 ? end - start : nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

    /// White space, as it is or as JSON and most loggers write it (`\n`).
    private static func spaceLength(in bytes: [UInt8], at index: Int) -> Int? {
        if isSpace(bytes[index]) { return 1 }
        guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count, "nrt".utf8.contains(bytes[index + 1]) else { return nil }
        return 2
    }

    private static func forms(of secret: [UInt8]) -> [[UInt8]] {
        let (lower, upper) = (Array("0123456789abcdef".utf8), Array("0123456789ABCDEF".utf8))
        func hex(_ digits: [UInt8]) -> [UInt8] { secret.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } }
        func url(_ digits: [UInt8]) -> [UInt8] {
            secret.flatMap { isUnreserved($0) ? [$0] : [UInt8(ascii: "%"), digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        }
        let json = secret.flatMap {
            [UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/")].contains($0) ? [UInt8(ascii: "\\"), $0] : [$0]
        }
        let shifted = (0..<3).map { base64(secret, shift: $0) }
        let inURL = shifted.map {
            $0.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
        }
        return [secret, json, url(upper), url(lower), hex(lower), hex(upper)] + shifted + inURL
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }

    /// The base64 characters that the secret alone decides when it begins at the `shift`-th of three bytes.
    private static func base64(_ secret: [UInt8], shift: Int) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = secret.dropFirst((3 - shift) % 3)
        var out: [UInt8] = []
        var at = bytes.startIndex
        while at + 3 <= bytes.endIndex {
            let group = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
            out += [18, 12, 6, 0].map { alphabet[group >> $0 & 63] }
            at += 3
        }
        return out
    }
}
