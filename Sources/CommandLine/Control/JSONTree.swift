import FoundationEssentials
import Tokens

/// Any JSON value; members keep their order, and numbers the digits they came with.
enum JSONTree: Sendable, Hashable {
    /// `null`, `true`, `false` or a number, as it is written.
    case plain(String)
    case text(String)
    case list([JSONTree])
    case object([Member])

    struct Member: Sendable, Hashable {
        var key: String
        var value: JSONTree
    }

    /// `document` is known to be JSON.
    init(_ document: Data) {
        switch document.first {
        case UInt8(ascii: "{"): self = .object(JSONKeys.members(of: document).map { Member(key: $0.key, value: JSONTree($0.value)) })
        case UInt8(ascii: "["): self = .list(JSONKeys.elements(of: document).map(JSONTree.init))
        case UInt8(ascii: "\""): self = .text((try? JSONDecoder().decode(String.self, from: document)) ?? "")
        default: self = .plain(String(decoding: document, as: UTF8.self))
        }
    }

    /// In one line, as a person reads it: lists of words with commas, `-` for nothing.
    var words: String {
        switch self {
        case .plain("null"): "-"
        case .plain(let text): text
        case .text(let text): text.isEmpty ? "-" : text.replacing("\n", with: " ")
        case .list(let list): list.isEmpty ? "-" : list.map(\.words).joined(separator: ",")
        case .object(let members): members.map { "\($0.key)=\($0.value.words)" }.joined(separator: " ")
        }
    }

    /// The rows of a list of objects; nil for anything else.
    var rows: [[Member]]? {
        guard case .list(let list) = self, !list.isEmpty else { return nil }
        let rows = list.compactMap { if case .object(let members) = $0 { members } else { nil } }
        return rows.count == list.count ? rows : nil
    }
}
