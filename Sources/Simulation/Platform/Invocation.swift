/// A command line taken apart: which command, its flags in order, its positional words.
struct Invocation: Sendable, Equatable {
    struct Flag: Sendable, Equatable {
        let name: String
        let value: String?
    }

    let path: String
    let flags: [Flag]
    let words: [String]

    /// Longest path of `commands` that `words` starts with; nil for an unknown command.
    init?(_ words: [String], commands: Set<String>) {
        guard let path = [2, 1].map({ words.prefix($0).joined(separator: " ") }).first(where: commands.contains) else { return nil }
        self.path = path
        var flags: [Flag] = []
        var positional: [String] = []
        var rest = words.dropFirst(path.split(separator: " ").count)
        while let word = rest.popFirst() {
            if word == "--" {
                positional += rest
                break
            }
            guard word.hasPrefix("-"), word.count > 1 else {
                positional.append(word)
                continue
            }
            let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            flags.append(Flag(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : nil))
        }
        self.flags = flags
        self.words = positional
    }

    func value(_ name: String) -> String? { flags.last { $0.name == name }?.value }
    func values(_ name: String) -> [String] { flags.filter { $0.name == name }.compactMap(\.value) }
    func has(_ name: String) -> Bool { flags.contains { $0.name == name && $0.value != "false" } }
}
