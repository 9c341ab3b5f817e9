/// Collects every problem of a document while its fields are read.
final class SpecReading {
    let file: String
    let reader: JSON5Reader
    var diagnostics: [Diagnostic] = []

    init(file: String, reader: JSON5Reader) { (self.file, self.reader) = (file, reader) }

    func report(_ offset: Int, _ path: String, _ message: String, suggestion: String? = nil, severity: Diagnostic.Severity = .error) {
        let (line, column) = reader.place(offset)
        diagnostics.append(
            Diagnostic(
                severity: severity, file: file, path: path, line: line, column: column, message: message, suggestion: suggestion))
    }
}

/// A value at its path. Every reader reports what is wrong and answers nil.
struct Field {
    let node: JSON5Node
    let path: String
    let reading: SpecReading

    func refuse(_ message: String, suggestion: String? = nil) { reading.report(node.offset, path, message, suggestion: suggestion) }

    /// The members of an object; fields outside `known` are reported. Nil `known`: any name goes.
    func object(known: [String]?) -> [(name: String, field: Field)] {
        guard case .object(let members) = node.value else {
            refuse("must be an object")
            return []
        }
        return members.map { member in
            let inner = path.isEmpty ? member.key : "\(path).\(member.key)"
            if let known, !known.contains(member.key) {
                reading.report(member.offset, inner, "unknown field", suggestion: nearest(member.key, in: known))
            }
            return (member.key, Field(node: member.node, path: inner, reading: reading))
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
        return nodes.enumerated().map { Field(node: $1, path: "\(path)[\($0)]", reading: reading) }
    }

    func string(where isGood: (String) -> Bool, or message: String) -> String? {
        guard let text = string() else { return nil }
        if isGood(text) { return text }
        refuse("\"\(text)\" \(message)")
        return nil
    }
}

enum Grammar {
    static func word(_ text: String, extra: String = "") -> Bool {
        guard let first = text.utf8.first, (97...122).contains(first) else { return false }
        return text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || extra.utf8.contains($0) }
    }

    static func vmName(_ text: String) -> Bool {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (5...52).contains(text.utf8.count), word(text, extra: "-"), groups.allSatisfy({ !$0.isEmpty }) else { return false }
        return groups.count == 1 || !groups[groups.count - 1].utf8.allSatisfy { (48...57).contains($0) }
    }

    /// exe.dev's spelling: `4`, `4GB`, `8G`, `512MB` (facts/exedev.md §4). In MB.
    static func megabytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), (1...1_000_000).contains(number) else { return nil }
        switch text.dropFirst(digits.count) {
        case "", "G", "GB": return number * 1024
        case "M", "MB": return number
        default: return nil
        }
    }

    static func labelName(_ text: some StringProtocol, mayBeEmpty: Bool) -> Bool {
        func isEdge(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) }
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last else { return mayBeEmpty }
        return bytes.count <= 63 && isEdge(first) && isEdge(last) && bytes.allSatisfy { isEdge($0) || "-_.".utf8.contains($0) }
    }

    /// Why a key may not be set, or nil.
    static func labelKeyProblem(_ key: String) -> String? {
        let halves = key.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count <= 2, labelName(halves[halves.count - 1], mayBeEmpty: false) else { return "is no Kubernetes label key" }
        guard halves.count == 2 else { return nil }
        guard labelName(halves[0], mayBeEmpty: false) else { return "has a prefix that is no domain name" }
        if halves[0] == "exedev.dev" { return "is reserved: exedev-k8s sets the labels of exedev.dev/ itself" }
        if ["kubernetes.io", "k8s.io"].contains(where: { halves[0] == $0 || halves[0].hasSuffix(".\($0)") }) {
            return "is reserved by Kubernetes; the kubelet would refuse to start"
        }
        return nil
    }
}
