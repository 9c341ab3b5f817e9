import FoundationEssentials

/// A decoder takes one of two equal keys and says nothing.
enum JSONKeys {
    /// A key that stands twice in one object of a JSON document; nil when there is none. `document` is known to be JSON.
    static func repeated(in document: Data) -> String? {
        /// The keys so far of each object that is open; an array has none.
        var open: [Set<String>?] = []
        var last: String?
        var at = document.startIndex
        while at < document.endIndex {
            switch document[at] {
            case UInt8(ascii: "{"): open.append([])
            case UInt8(ascii: "["): open.append(nil)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
            case UInt8(ascii: ":"):
                if let key = last, open.last??.contains(key) == true { return key }
                if let key = last, !open.isEmpty { open[open.count - 1]?.insert(key) }
            case UInt8(ascii: "\""):
                let end = self.end(of: document, from: at)
                last = try? JSONDecoder().decode(String.self, from: document[at..<end])
                at = end
                continue
            default: break
            }
            at += 1
        }
        return nil
    }

    /// Behind the quote that ends the string which begins at `start`.
    private static func end(of document: Data, from start: Int) -> Int {
        var at = start + 1
        while at < document.endIndex, document[at] != UInt8(ascii: "\"") { at += document[at] == UInt8(ascii: "\\") ? 2 : 1 }
        return min(at + 1, document.endIndex)
    }
}
