/// A command line taken apart: which command, its flags in order, its positional words.
struct Invocation: Sendable, Equatable {
    struct Flag: Sendable, Equatable {
        let name: String
        let value: String?
    }

    let path: String
    private(set) var flags: [Flag] = []
    private(set) var words: [String] = []

    /// The longest command that `words` begin with; nil for an unknown one.
    static func path(of words: [String]) -> String? {
        [3, 2, 1].map { words.prefix($0).joined(separator: " ") }.first { CommandUsage.all[$0] != nil }
    }

    /// Flags may stand anywhere before `--`. Nil for an unknown command; throws for a flag that the command does not have.
    init?(_ words: [String]) throws(AccountRefusal) {
        guard let path = Self.path(of: words), let usage = CommandUsage.all[path] else { return nil }
        self.path = path
        var rest = words.dropFirst(path.split(separator: " ").count)
        while let word = rest.popFirst() {
            if word == "--" {
                self.words += rest
                break
            }
            if word.hasPrefix("-"), word.count > 1 {
                flags.append(try Self.flag(word, usage, &rest))
            } else {
                self.words.append(word)
            }
        }
    }

    private static func flag(_ word: String, _ usage: CommandUsage, _ rest: inout ArraySlice<String>) throws(AccountRefusal) -> Flag {
        let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? ""
        if usage.values.contains(name) {
            guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
                throw .invalid("flag needs an argument: --\(name)")
            }
            return Flag(name: name, value: value)
        }
        guard usage.switches.contains(name) else { throw .invalid("unknown flag: --\(name)") }
        guard parts.count < 2 || ["true", "false"].contains(parts[1]) else { throw .invalid("invalid value \"\(parts[1])\" for --\(name)") }
        return Flag(name: name, value: parts.count > 1 ? String(parts[1]) : nil)
    }

    func value(_ name: String) -> String? { flags.last { $0.name == name }?.value }
    func values(_ name: String) -> [String] { flags.filter { $0.name == name }.compactMap(\.value) }
    func has(_ name: String) -> Bool { flags.contains { $0.name == name && $0.value != "false" } }
}
