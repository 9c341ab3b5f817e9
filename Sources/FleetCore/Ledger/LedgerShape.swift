import Shell

/// A JSON value, as a step from one shape of the ledger to the next sees it.
package indirect enum JSONValue: Sendable, Hashable, Codable {
    case null
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

/// The ledger's current schema and the migrations from older ones. If a change to `Ledger` stops old files from decoding, raise
/// `Ledger.schema` and add a migration here, with a file of the old schema in DaemonTests/LedgerTests.
package struct LedgerShape: Sendable {
    /// Changes the ledger's fields from one shape to the next; throws a reason when they are not what that shape says. It need not set
    /// `schema`.
    package typealias Step = @Sendable (inout [String: JSONValue]) throws -> Void

    package let schema: Int
    /// By the schema that a step starts from.
    private let steps: [Int: Step]

    package init(schema: Int, steps: [Int: Step]) {
        (self.schema, self.steps) = (schema, steps)
    }

    /// What the product reads.
    package static let current = LedgerShape(schema: Ledger.schema, steps: [1: LedgerSchema1.migrate])

    /// Why a ledger of an older shape cannot be brought to this one.
    package struct NoWay: Error, Sendable, CustomStringConvertible {
        package var description: String
    }

    package func migrated(_ value: JSONValue, from first: Int) throws(NoWay) -> JSONValue {
        guard case .object(var fields) = value else { throw NoWay(description: "it is not an object") }
        for schema in first..<max(first, self.schema) {
            guard let step = steps[schema] else { throw NoWay(description: "this program has forgotten schema \(schema)") }
            do {
                try step(&fields)
            } catch {
                throw NoWay(description: "the step from schema \(schema) to \(schema + 1) failed: \(plainWords(of: error))")
            }
            fields["schema"] = .integer(schema + 1)
        }
        return .object(fields)
    }
}
