import Foundation

/// What the lobby answers over SSH to who does not ask for JSON (facts/exedev.md §1.1). How exe.dev sets it is not known: this is the simulator's.
enum ReadableAnswer {
    /// Each JSON document of it as indented lines; what is none stays as it is.
    static func text(_ body: String) -> String {
        body.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard let value = try? JSONSerialization.jsonObject(with: Data(line.utf8)) else { return String(line) }
            return lines(of: value).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private static func lines(of value: Any) -> [String] {
        switch value {
        case let members as [String: Any]:
            members.sorted { $0.key < $1.key }.flatMap { key, member in
                let inner = lines(of: member)
                let isShort = !(member is [String: Any]) && !(member is [Any])
                return isShort ? ["\(key): " + inner.joined()] : ["\(key):"] + inner.map { "  " + $0 }
            }
        case let items as [Any]:
            items.flatMap { item in lines(of: item).enumerated().map { ($0.offset == 0 ? "- " : "  ") + $0.element } }
        case is NSNull: ["-"]
        default: ["\(value)"]
        }
    }
}
