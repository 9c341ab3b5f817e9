import Foundation

/// The payload of a token, by exe.dev's rules, which are narrower than JSON's (facts/exedev.md §3.2).
struct TokenPayload {
    /// The values of the top object as they are written.
    private(set) var values: [String: String] = [:]

    /// Nil for what is no JSON object, has white space around it, a line break or a NUL, or a key twice at any level, however spelt.
    init?(_ payload: Data) {
        guard payload.first == UInt8(ascii: "{"), payload.last == UInt8(ascii: "}"),
            !payload.contains(where: { [0, 10, 13].contains($0) }),
            (try? JSONSerialization.jsonObject(with: payload)) is [String: Any]
        else { return nil }
        var scan = Scan(rest: Array(payload)[...])
        guard let values = scan.object() else { return nil }
        self.values = values
    }

    /// A plain number of seconds since 1970, between 2000 and 2100; throws for any other value of that key.
    func moment(_ key: String) throws(Token.Malformed) -> Int? {
        guard let text = values[key] else { return nil }
        guard text.allSatisfy({ ("0"..."9").contains($0) }), !text.hasPrefix("0"), let number = Int(text),
            (946_684_800...4_102_444_800).contains(number)
        else { throw Token.Malformed() }
        return number
    }

    func strings(_ key: String) throws(Token.Malformed) -> [String]? {
        guard let text = values[key] else { return nil }
        guard let list = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else { throw Token.Malformed() }
        return list
    }

    /// Walks through bytes that are known to be JSON. Nil means that a key stands twice.
    private struct Scan {
        var rest: ArraySlice<UInt8>

        mutating func object() -> [String: String]? {
            var values: [String: String] = [:]
            _ = rest.popFirst()
            while next() != UInt8(ascii: "}") {
                guard let key = try? JSONDecoder().decode(String.self, from: Data(string())), next() == UInt8(ascii: ":") else {
                    return nil
                }
                _ = rest.popFirst()
                guard let value = value(), values.updateValue(String(decoding: value, as: UTF8.self), forKey: key) == nil else {
                    return nil
                }
                if next() == UInt8(ascii: ",") { _ = rest.popFirst() }
            }
            _ = rest.popFirst()
            return values
        }

        private mutating func value() -> ArraySlice<UInt8>? {
            let first = next()
            let all = rest
            switch first {
            case UInt8(ascii: "{"): guard object() != nil else { return nil }
            case UInt8(ascii: "["): guard list() else { return nil }
            case UInt8(ascii: "\""): _ = string()
            default: rest = rest.drop { !",]} \t".utf8.contains($0) }
            }
            return all[..<rest.startIndex]
        }

        private mutating func list() -> Bool {
            _ = rest.popFirst()
            while let next = next(), next != UInt8(ascii: "]") {
                guard value() != nil else { return false }
                if self.next() == UInt8(ascii: ",") { _ = rest.popFirst() }
            }
            return rest.popFirst() != nil
        }

        private mutating func string() -> ArraySlice<UInt8> {
            let all = rest
            _ = rest.popFirst()
            while let next = rest.popFirst(), next != UInt8(ascii: "\"") { if next == UInt8(ascii: "\\") { _ = rest.popFirst() } }
            return all[..<rest.startIndex]
        }

        /// The next byte that is not white space.
        private mutating func next() -> UInt8? {
            rest = rest.drop { " \t".utf8.contains($0) }
            return rest.first
        }
    }
}
