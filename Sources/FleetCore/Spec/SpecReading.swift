/// Collects every problem of a document while its fields are read.
final class SpecReading {
    let file: String
    let places: Places
    var diagnostics: [Diagnostic] = []

    init(file: String, places: Places) { (self.file, self.places) = (file, places) }

    func report(_ offset: Int, _ path: String, _ message: String, suggestion: String? = nil, severity: Diagnostic.Severity = .error) {
        let (line, column) = places.of(offset)
        diagnostics.append(
            Diagnostic(
                severity: severity, file: file, path: path, line: line, column: column, message: message, suggestion: suggestion))
    }

    /// In the order of the file; what several pools would say of one field of `defaults` is said once.
    var sorted: [Diagnostic] {
        let ordered = diagnostics.sorted { ($0.line, $0.column, $0.path, $0.message) < ($1.line, $1.column, $1.path, $1.message) }
        return ordered.enumerated().filter { $0 == 0 || ordered[$0 - 1] != $1 }.map(\.element)
    }
}

/// A value at its path. Every reader reports what is wrong and answers nil.
struct Field {
    let node: JSON5Node
    let path: String
    let reading: SpecReading
    /// Where the field's name stands; the value's place for the root and for items of a list.
    let nameOffset: Int

    init(node: JSON5Node, path: String, reading: SpecReading, nameOffset: Int? = nil) {
        (self.node, self.path, self.reading, self.nameOffset) = (node, path, reading, nameOffset ?? node.offset)
    }

    var line: Int { reading.places.of(nameOffset).line }

    var isObject: Bool {
        if case .object = node.value { return true }
        return false
    }

    func refuse(_ message: String, suggestion: String? = nil) { reading.report(node.offset, path, message, suggestion: suggestion) }

    func warn(_ message: String) { reading.report(node.offset, path, message, severity: .warning) }

    func refuseName(_ message: String, suggestion: String? = nil) { reading.report(nameOffset, path, message, suggestion: suggestion) }

    /// Says that the field `name` should stand in this object; it is shown where the object is.
    func miss(_ name: String, _ message: String = "the field is required") {
        reading.report(nameOffset, path.isEmpty ? name : "\(path).\(name)", message)
    }

    /// Far more than any list of a fleet needs. Pools repeat what the defaults say, so without a bound a short file fills the memory.
    private static let most = 1000

    private func bounded<T>(_ all: [T]) -> ArraySlice<T> {
        if all.count > Self.most { refuse("has \(all.count) entries, at most \(Self.most) are allowed") }
        return all.prefix(Self.most)
    }

    /// The members of an object in their order; fields outside `known` are reported. Nil `known`: any name goes.
    func object(known: [String]?) -> [(name: String, field: Field)] {
        guard case .object(let members) = node.value else {
            refuse("must be an object")
            return []
        }
        var lines: [String: Int] = [:]
        return bounded(members).compactMap { member in
            let inner = path.isEmpty ? member.key : "\(path).\(member.key)"
            let field = Field(node: member.node, path: inner, reading: reading, nameOffset: member.offset)
            if let line = lines[member.key] {
                field.refuseName("this name stands already on line \(line)")
                return nil
            }
            lines[member.key] = field.line
            if let known, !known.contains(member.key) {
                field.refuseName("unknown field", suggestion: nearest(member.key, in: known))
            }
            return (member.key, field)
        }
    }

    func fields(_ known: [String]) -> [String: Field] {
        Dictionary(object(known: known).map { ($0.name, $0.field) }) { first, _ in first }
    }

    func string() -> String? {
        if case .string(let text) = node.value { return text }
        refuse("must be a text in quotes")
        return nil
    }

    func integer(_ range: ClosedRange<Int>) -> Int? {
        if case .integer(let number) = node.value, range.contains(number) { return number }
        refuse("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    func boolean() -> Bool? {
        if case .bool(let flag) = node.value { return flag }
        refuse("must be true or false")
        return nil
    }

    func items() -> [Field] {
        guard case .array(let nodes) = node.value else {
            refuse("must be a list")
            return []
        }
        return bounded(nodes).enumerated().map { Field(node: $1, path: "\(path)[\($0)]", reading: reading) }
    }

    func string(where isGood: (String) -> Bool, or message: String) -> String? {
        guard let text = string() else { return nil }
        if isGood(text) { return text }
        refuse("\"\(text)\" \(message)")
        return nil
    }

    func string(in accepted: [String], or message: String) -> String? {
        guard let text = string() else { return nil }
        if accepted.contains(text) { return text }
        refuse("\"\(text)\" \(message)", suggestion: nearest(text, in: accepted))
        return nil
    }

    func path(or message: String = "must be the path of a file") -> String? {
        guard let text = string() else { return nil }
        if !text.isEmpty, !text.utf8.contains(0) { return text }
        refuse(message)
        return nil
    }
}
