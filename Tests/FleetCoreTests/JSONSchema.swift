@testable import FleetCore

/// A JSON value, as tests make and compare them.
indirect enum JSON: Sendable, Hashable, CustomStringConvertible {
    case null, bool(Bool), integer(Int), double(Double), string(String), array([JSON]), object([String: JSON])

    init(_ node: JSON5Node) {
        switch node.value {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(number)
        case .double(let number): self = .double(number)
        case .string(let text): self = .string(text)
        case .array(let items): self = .array(items.map(JSON.init))
        case .object(let members):
            self = .object(Dictionary(members.map { ($0.key, JSON($0.node)) }) { first, _ in first })
        }
    }

    init(parsing text: String) throws {
        var reader = JSON5Reader(text)
        self.init(try reader.document())
    }

    subscript(name: String) -> JSON? {
        if case .object(let members) = self { return members[name] }
        return nil
    }

    var members: [String: JSON] {
        if case .object(let members) = self { return members }
        return [:]
    }

    var items: [JSON] {
        if case .array(let items) = self { return items }
        return []
    }

    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    var number: Int? {
        if case .integer(let number) = self { return number }
        return nil
    }

    var type: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// As a fleet file would have it.
    var description: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .integer(let number): "\(number)"
        case .double(let number): "\(number)"
        case .string(let text): "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        case .array(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\(JSON.string($0.key)): \($0.value)" }.joined(separator: ", ") + "}"
        }
    }
}

/// As much of draft 2020-12 as our schema uses; any other keyword is an error, so that none is ignored in silence.
final class JSONSchema {
    let root: JSON
    private(set) var unknown: Set<String> = []
    private var patterns: [String: Regex<AnyRegexOutput>] = [:]

    init(_ root: JSON) { self.root = root }

    /// The definition that `$ref` names.
    func definition(_ reference: String) -> JSON {
        reference.dropFirst(2).split(separator: "/").reduce(root) { $0[String($1)] ?? .null }
    }

    func accepts(_ value: JSON) -> Bool { accepts(value, root) }

    func accepts(_ value: JSON, _ schema: JSON) -> Bool {
        if case .bool(let flag) = schema { return flag }
        return schema.members.allSatisfy { holds($0.key, $0.value, value, schema) }
    }

    private func holds(_ keyword: String, _ rule: JSON, _ value: JSON, _ schema: JSON) -> Bool {
        switch keyword {
        case "$schema", "$defs", "title", "description", "default", "examples": true
        case "$ref": accepts(value, definition(rule.text ?? ""))
        case "anyOf": rule.items.contains { accepts(value, $0) }
        case "not": !accepts(value, rule)
        case "const": value == rule
        case "enum": rule.items.contains(value)
        case "type": rule == .string(value.type) || rule.items.contains(.string(value.type))
        case "minimum": value.number.map { $0 >= rule.number! } ?? true
        case "maximum": value.number.map { $0 <= rule.number! } ?? true
        case "pattern": value.text.map { matches($0, rule.text!) } ?? true
        case "minLength": value.text.map { $0.unicodeScalars.count >= rule.number! } ?? true
        case "maxLength": value.text.map { $0.unicodeScalars.count <= rule.number! } ?? true
        case "items": value.items.allSatisfy { accepts($0, rule) }
        case "minItems": value.type != "array" || value.items.count >= rule.number!
        case "required": value.type != "object" || rule.items.allSatisfy { value[$0.text!] != nil }
        case "minProperties": value.type != "object" || value.members.count >= rule.number!
        case "maxProperties": value.type != "object" || value.members.count <= rule.number!
        case "properties": value.members.allSatisfy { name, inner in rule[name].map { accepts(inner, $0) } ?? true }
        case "propertyNames": value.members.keys.allSatisfy { accepts(.string($0), rule) }
        case "additionalProperties":
            value.members.allSatisfy { name, inner in schema["properties"]?[name] != nil || accepts(inner, rule) }
        default: note(keyword)
        }
    }

    private func note(_ keyword: String) -> Bool {
        unknown.insert(keyword)
        return false
    }

    private func matches(_ text: String, _ pattern: String) -> Bool {
        if patterns[pattern] == nil { patterns[pattern] = try? Regex(pattern) }
        return patterns[pattern].map { text.firstMatch(of: $0) != nil } ?? note("pattern \(pattern)")
    }
}
