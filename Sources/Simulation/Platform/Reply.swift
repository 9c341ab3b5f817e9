import Foundation

/// A JSON value that is written with its keys in order.
package indirect enum JSON: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
    case string(String), number(Int), decimal(Double), bool(Bool), null
    case list([JSON])
    case object([(String, JSON)])

    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(value) }

    package static func strings(_ list: [String]) -> JSON { .list(list.map(JSON.string)) }

    package static func == (left: JSON, right: JSON) -> Bool { left.text == right.text }

    package var text: String {
        switch self {
        case .string(let text): JSON.quoted(text)
        case .number(let number): String(number)
        case .decimal(let number): String(format: "%.3f", number)
        case .bool(let flag): String(flag)
        case .null: "null"
        case .list(let list): "[" + list.map(\.text).joined(separator: ",") + "]"
        case .object(let pairs): "{" + pairs.map { JSON.quoted($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
        }
    }

    /// With a line for each member and four spaces for each level, as kubectl prints it.
    package var pretty: String { pretty(after: "") }

    private func pretty(after indent: String) -> String {
        let inner = indent + "    "
        func lines(_ parts: [String], _ open: String, _ close: String) -> String {
            parts.isEmpty ? open + close : open + "\n" + parts.map { inner + $0 }.joined(separator: ",\n") + "\n" + indent + close
        }
        return switch self {
        case .list(let list): lines(list.map { $0.pretty(after: inner) }, "[", "]")
        case .object(let pairs): lines(pairs.map { JSON.quoted($0.0) + ": " + $0.1.pretty(after: inner) }, "{", "}")
        case .string, .number, .decimal, .bool, .null: text
        }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case let control where control.value < 0x20: out += String(format: "\\u%04x", control.value)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// An answer of `/exec`.
package struct Reply: Sendable, Equatable {
    package var status: Int
    package var headers: [String: String]
    package var body: String

    package init(status: Int, headers: [String: String] = ["Content-Type": "application/json"], body: String) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    static func json(_ value: JSON) -> Reply { Reply(status: 200, body: value.text + "\n") }

    /// JSON documents one a line, as servers of 2026 mix errors and a summary.
    static func lines(_ values: [JSON]) -> Reply {
        Reply(status: 200, headers: ["Content-Type": "application/x-ndjson"], body: values.map { $0.text + "\n" }.joined())
    }

    /// Of commands whose answer is no JSON.
    static func text(_ text: String) -> Reply { Reply(status: 200, headers: ["Content-Type": "text/plain"], body: text) }

    static func failure(_ status: Int, _ text: String) -> Reply {
        Reply(status: status, body: JSON.object([("error", .string(text))]).text + "\n")
    }
}
