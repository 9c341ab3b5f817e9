/// How far the clocks of a time zone are from UTC at any instant, as its TZif file says (RFC 9636). This layer has no Foundation, and
/// FoundationEssentials knows no zone but GMT on Linux, so the reader of the fleet file passes the bytes of the system's tzdata.
package struct TimeZoneRules: Sendable, Hashable {
    /// As the fleet file spells it.
    package let name: String
    /// When the offset changes, in seconds since 1970, and the offsets: the first one holds before the first change.
    private let changes: [Int]
    private let offsets: [Int]
    /// After the last change.
    private let rule: YearlyRule?

    package static let utc = TimeZoneRules(name: "UTC", changes: [], offsets: [0], rule: nil)

    private init(name: String, changes: [Int], offsets: [Int], rule: YearlyRule?) {
        (self.name, self.changes, self.offsets, self.rule) = (name, changes, offsets, rule)
    }

    /// Nil for bytes that are no TZif file of version 2 or later.
    package init?(name: String, tzif bytes: [UInt8]) {
        guard let first = TZifHeader(bytes, at: 0), first.version >= 2, let header = TZifHeader(bytes, at: first.end(timeSize: 4)),
            let (changes, offsets) = header.table(bytes), let footer = header.footer(bytes)
        else { return nil }
        let rule = YearlyRule(footer)
        guard footer.isEmpty || rule != nil else { return nil }
        self.init(name: name, changes: changes, offsets: offsets, rule: rule)
    }

    /// Seconds east of UTC. `second`: since 1970, in UTC.
    func offset(at second: Int) -> Int {
        if let rule, second >= changes.last ?? .min { return rule.offset(at: second) }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return offsets[low]
    }

    /// The instant at which its clocks show so many minutes after the midnight that begins `day`. Of a time that comes twice the first one; one
    /// that clocks leave out counts as if they had not been put forward.
    func instant(_ day: CivilDate, minute: Int) -> Int {
        let local = day.number * 86_400 + minute * 60
        let (before, after) = (offset(at: local - 86_400), offset(at: local + 86_400))
        let fitting = [before, after].map { local - $0 }.filter { offset(at: $0) == local - $0 }
        return fitting.min() ?? local - before
    }
}

/// Counts and places in one of the two parts of a TZif file.
private struct TZifHeader {
    let version: Int
    private let start: Int
    /// isut, isstd, leap, time, type and char.
    private let counts: [Int]

    init?(_ bytes: [UInt8], at start: Int) {
        guard bytes.count >= start + 44, Array(bytes[start..<start + 4]) == Array("TZif".utf8) else { return nil }
        self.start = start + 44
        version = bytes[start + 4] == 0 ? 1 : Int(bytes[start + 4]) - 48
        counts = (0..<6).map { Self.number(bytes, start + 20 + 4 * $0, size: 4) }
        // No zone has so many; a product of larger numbers might not fit.
        guard counts.allSatisfy({ (0...10_000).contains($0) }), counts[4] > 0 else { return nil }
    }

    func end(timeSize: Int) -> Int {
        start + counts[3] * (timeSize + 1) + counts[4] * 6 + counts[5] + counts[2] * (timeSize + 4) + counts[1] + counts[0]
    }

    /// The changes of the second part and the offsets around them.
    func table(_ bytes: [UInt8]) -> ([Int], [Int])? {
        guard bytes.count >= end(timeSize: 8) else { return nil }
        let kinds = start + counts[3] * 8
        let offsets = (0..<counts[4]).map { Self.number(bytes, kinds + counts[3] + 6 * $0, size: 4) }
        let changes = (0..<counts[3]).map { Self.number(bytes, start + 8 * $0, size: 8) }
        let indices = (0..<counts[3]).map { Int(bytes[kinds + $0]) }
        guard indices.allSatisfy(offsets.indices.contains), changes == changes.sorted() else { return nil }
        return (changes, [offsets[0]] + indices.map { offsets[$0] })
    }

    /// The text between the last two line ends.
    func footer(_ bytes: [UInt8]) -> String? {
        let text = bytes[end(timeSize: 8)...]
        guard text.first == 10, text.count >= 2, text.last == 10 else { return nil }
        return String(decoding: text.dropFirst().dropLast(), as: UTF8.self)
    }

    private static func number(_ bytes: [UInt8], _ start: Int, size: Int) -> Int {
        let bits = bytes[start..<start + size].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return size == 4 ? Int(Int32(truncatingIfNeeded: bits)) : Int(Int64(bitPattern: bits))
    }
}
