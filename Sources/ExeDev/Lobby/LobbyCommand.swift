/// A command of exe.dev's lobby as its documents describe it: what `exedev-ctl` parses, explains and completes it by.
package struct LobbyCommand: Sendable {
    package struct Flag: Sendable {
        package var name: String
        /// What stands for its value in the usage; nil for a flag that is given or not.
        package var value: String?
        package var meaning: String
        /// May be given several times.
        package var isList = false
        /// exe.dev makes a line break of `\n` in it: each backslash is doubled to arrive (facts/exedev.md §1.2; SDK 0.4.0).
        package var doublesBackslashes = false
        /// What cannot be taken back once it is given.
        package var danger: String?

        /// As it is typed and sent: `-l`, `--name`.
        package var spelling: String { (name.count == 1 ? "-" : "--") + name }
    }

    /// Its words, e.g. `share set-public`; a token's `cmds` name it so.
    package var path: String
    /// `<vm>` is needed, `[name]` is not, `...` is any number of them.
    package var operands: [String]
    package var summary: String
    package var flags: [Flag] = []
    /// What an operator would type behind `exedev-ctl`.
    package var examples: [String] = []
    /// It changes nothing.
    package var isRead = false
    /// What cannot be taken back; nil for a command that needs no second thought.
    package var danger: String?
    /// More words and flags than are known here; they are sent as they are typed.
    package var isOpen = false
    /// The keys of its rows that a terminal shows, in this order; empty is all of them.
    package var columns: [String] = []
    /// Seconds after which exe.dev ends it, and a little more (facts/exedev.md §2.3).
    package var deadline = 35
    /// By its documents it answers with an object; what others answer is a text, or is not known.
    package var answersJSON = false

    /// How many operands it takes; `most`: nil is any number.
    package var arity: (least: Int, most: Int?) {
        let least = operands.filter { $0.hasPrefix("<") }.count
        return (least, operands.contains { $0.hasSuffix("...") } ? nil : operands.count)
    }

    /// The line to send: `path --flag=value … operands`, each word quoted (SDK 0.4.0, `_wire.py`).
    package func line(flags: [(flag: Flag, value: String?)], operands: [String]) -> ExeDevCommand {
        let given = flags.map { flag, value in
            flag.spelling + (value.map { "=" + (flag.doublesBackslashes ? $0.replacing("\\", with: "\\\\") : $0) } ?? "")
        }
        let mark = operands.contains { $0.hasPrefix("-") } ? ["--"] : []
        return .typed(path.split(separator: " ").map(String.init) + given + mark + operands)
    }
}

extension LobbyCommand.Flag {
    static func value(_ name: String, _ value: String, _ meaning: String) -> Self { .init(name: name, value: value, meaning: meaning) }
    static func list(_ name: String, _ value: String, _ meaning: String) -> Self {
        .init(name: name, value: value, meaning: meaning, isList: true)
    }
    static func script(_ name: String, _ value: String, _ meaning: String) -> Self {
        .init(name: name, value: value, meaning: meaning, doublesBackslashes: true)
    }
    static func flag(_ name: String, _ meaning: String, danger: String? = nil) -> Self {
        .init(name: name, meaning: meaning, danger: danger)
    }
}

/// Every command of exe.dev's lobby that is documented (facts/exedev.md §1, 2026-11).
package enum Lobby {
    package static let commands: [LobbyCommand] = machines + sharing + account + services

    private static let byPath = Dictionary(uniqueKeysWithValues: commands.map { ($0.path, $0) })

    /// The command that a line begins with, the longest one; nil for one that is not known.
    package static func command(of words: some Sequence<String>) -> LobbyCommand? {
        // A word with a blank in it was quoted, and is none of a path.
        let first = Array(words.prefix(3).prefix { !$0.contains(" ") })
        return (1...3).reversed().lazy.filter { $0 <= first.count }.compactMap { byPath[first.prefix($0).joined(separator: " ")] }.first
    }
}
