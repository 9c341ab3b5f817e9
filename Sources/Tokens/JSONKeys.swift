package import FoundationEssentials

/// The keys of a JSON document as they are written: a decoder takes one of two equal keys and says nothing, and takes `1e9` for an integer.
package enum JSONKeys {
    /// A key that stands twice in one object, however it is spelt (`exp`, `\u0065xp`); nil when there is none. `document` is known to be JSON.
    package static func repeated(in document: Data) -> String? {
        var keys = Walk(document)
        while let key = keys.next() { if key.isRepeated { return key.name } }
        return nil
    }

    /// The members of the outermost object in their order, each value as it is written. `document` is known to be a JSON object.
    package static func members(of document: Data) -> [(key: String, value: Data)] {
        var (members, keys) = ([(key: String, value: Data)](), Walk(document))
        while let key = keys.next() {
            guard key.depth == 1 else { continue }
            let end = keys.end(ofValueAt: key.value)
            members.append((key.name, trimmed(document[key.value..<end])))
            keys.at = end
        }
        return members
    }

    /// The elements of a JSON array in their order, each as it is written. `document` is known to be one.
    package static func elements(of document: Data) -> [Data] {
        let document = trimmed(document)
        let walk = Walk(document)
        var (elements, at) = ([Data](), document.startIndex + 1)
        while at < document.endIndex {
            let end = walk.end(ofValueAt: at)
            let element = trimmed(document[at..<end])
            if !element.isEmpty { elements.append(element) }
            at = end + 1
        }
        return elements
    }

    private static func trimmed(_ text: Data) -> Data {
        let isBlank = { (byte: UInt8) in [9, 10, 13, 32].contains(byte) }
        var rest = text.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return Data(rest)
    }

    private struct Key {
        var name: String
        var depth: Int
        var isRepeated: Bool
        /// Where its value begins.
        var value: Int
    }

    /// From key to key.
    private struct Walk {
        let document: Data
        var at: Int
        /// The keys so far of each object that is open, in bytes: texts that only look alike are two. An array has none.
        var open: [Set<[UInt8]>?] = []
        var last: String?

        init(_ document: Data) { (self.document, at) = (document, document.startIndex) }

        mutating func next() -> Key? {
            while at < document.endIndex {
                defer { at += 1 }
                switch document[at] {
                case UInt8(ascii: "{"): open.append([])
                case UInt8(ascii: "["): open.append(nil)
                case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
                case UInt8(ascii: "\""):
                    let end = Self.end(of: document, from: at)
                    last = try? JSONDecoder().decode(String.self, from: document[at..<end])
                    at = end - 1
                case UInt8(ascii: ":"):
                    guard let name = last, !open.isEmpty else { continue }
                    let isNew = open[open.count - 1]?.insert(Array(name.utf8)).inserted ?? true
                    return Key(name: name, depth: open.count, isRepeated: !isNew, value: at + 1)
                default: break
                }
            }
            return nil
        }

        /// Behind a value: at the comma or the bracket that follows it.
        func end(ofValueAt start: Int) -> Int {
            var (at, depth) = (start, 0)
            while at < document.endIndex {
                switch document[at] {
                case UInt8(ascii: "\""): at = Self.end(of: document, from: at) - 1
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return at }
                    depth -= 1
                case UInt8(ascii: ",") where depth == 0: return at
                default: break
                }
                at += 1
            }
            return at
        }

        /// Behind the quote that ends the string which begins at `start`.
        private static func end(of document: Data, from start: Int) -> Int {
            var at = start + 1
            while at < document.endIndex, document[at] != UInt8(ascii: "\"") { at += document[at] == UInt8(ascii: "\\") ? 2 : 1 }
            return min(at + 1, document.endIndex)
        }
    }
}
