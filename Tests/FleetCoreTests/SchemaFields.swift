@testable import FleetCore

/// A field of the schema and the way to it.
struct SchemaField: CustomStringConvertible {
    enum Step: Hashable { case name(String), item }

    var steps: [Step]
    /// With its `$ref` resolved.
    var schema: JSON

    /// As a diagnostic names it.
    var path: String { Self.path(steps) }
    var description: String { path }

    /// Where a wrong value is told: a text inside a list may be told at its item.
    var tellingPath: String {
        guard let last = steps.lastIndex(of: .item) else { return path }
        return Self.path(Array(steps[...last]))
    }

    private static func path(_ steps: [Step]) -> String {
        steps.reduce("") { path, step in
            switch step {
            case .name(let name): path.isEmpty ? name : "\(path).\(name)"
            case .item: "\(path)[0]"
            }
        }
    }

    /// Values that the schema itself shows as good.
    var shown: [JSON] {
        if let only = schema["const"] { return [only] }
        // Beside a `$ref` it leaves some of what is said there.
        if let all = schema["enum"]?.items, schema["minimum"] != nil { return all }
        let edges = ["default", "minimum", "maximum"].compactMap { schema[$0] }
        return edges + (schema["examples"]?.items ?? []) + (schema["enum"]?.items ?? [])
    }
}

extension JSONSchema {
    /// All fields, with `web` for the name of any pool, and of any registry.
    func fields() -> [SchemaField] { fields(root, []) }

    func resolved(_ schema: JSON) -> JSON {
        guard let reference = schema["$ref"]?.text else { return schema }
        return Self.joined(definition(reference), schema)
    }

    /// `own` stands beside a `$ref`: it adds to what is said there.
    private static func joined(_ there: JSON, _ own: JSON) -> JSON {
        guard case .object(let old) = there, case .object(let new) = own else { return own }
        return .object(old.merging(new, uniquingKeysWith: joined))
    }

    private func fields(_ schema: JSON, _ steps: [SchemaField.Step]) -> [SchemaField] {
        let schema = resolved(schema)
        var found: [SchemaField] = []
        for (name, inner) in (schema["properties"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
            let field = SchemaField(steps: steps + [.name(name)], schema: resolved(inner))
            found += [field] + fields(field.schema, field.steps)
        }
        if let inner = schema["additionalProperties"], inner.members["properties"] != nil || inner["$ref"]?.text == "#/$defs/pool" {
            found += fields(inner, steps + [.name("web")])
        }
        for variant in schema["anyOf"]?.items ?? [] { found += fields(variant, steps) }
        if let item = schema["items"] { found += fields(item, steps + [.item]) }
        return found
    }

    /// The smallest good file that has `value` at the end of `steps`; nil leaves the last step out.
    func document(_ steps: [SchemaField.Step], _ value: JSON?) -> JSON { build(root, steps[...], value) ?? .null }

    private func build(_ schema: JSON, _ steps: ArraySlice<SchemaField.Step>, _ value: JSON?) -> JSON? {
        guard let step = steps.first else { return value }
        let schema = variant(resolved(schema), step)
        switch step {
        case .item: return .array([build(schema["items"] ?? .null, steps.dropFirst(), value)].compactMap(\.self))
        case .name(let name):
            var members = required(schema)
            members[name] = build(schema["properties"]?[name] ?? schema["additionalProperties"] ?? .null, steps.dropFirst(), value)
            return .object(members)
        }
    }

    private func variant(_ schema: JSON, _ step: SchemaField.Step) -> JSON {
        let variants = (schema["anyOf"]?.items ?? []).map(resolved)
        return variants.first { $0[step == .item ? "items" : "properties"] != nil } ?? schema
    }

    private func required(_ schema: JSON) -> [String: JSON] {
        let names = (schema["required"]?.items ?? []).compactMap(\.text)
        return Dictionary(uniqueKeysWithValues: names.map { ($0, least(resolved(schema["properties"]?[$0] ?? .null))) })
    }

    private func least(_ schema: JSON) -> JSON {
        SchemaField(steps: [], schema: schema).shown.first ?? .object(required(schema))
    }
}
