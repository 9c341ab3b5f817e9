/// A JSON value whose shape is not known beforehand.
enum JSONValue: Decodable, Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([JSONValue].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// Nothing is in it: what Go writes for a field that was not set.
    var isVoid: Bool { [.null, .bool(false), .number(0), .text(""), .list([]), .object([:])].contains(self) }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var list: [JSONValue]? { if case .list(let list) = self { list } else { nil } }
    var members: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }

    /// The values of a key, wherever it stands.
    func values(of key: String) -> [JSONValue] {
        switch self {
        case .list(let list): list.flatMap { $0.values(of: key) }
        case .object(let members): (members[key].map { [$0] } ?? []) + members.values.flatMap { $0.values(of: key) }
        case .null, .bool, .number, .text: []
        }
    }
}
