import Shell

/// A command line taken apart as the lobby does it (facts/exedev.md §2.2): what is quoted is one word, and no flag's value is an operand.
package struct LobbyLine: Sendable {
    package let words: [String]
    /// Its quotes are balanced; exe.dev refuses others.
    private let isWhole: Bool
    /// Nil for one that is not known.
    package let command: LobbyCommand?
    package private(set) var operands: [String] = []
    /// By their names without dashes; the value may be empty.
    private var flags: [String: String] = [:]
    /// `--help` as a word of the lobby's own command.
    package private(set) var asksForHelp = false

    package init(_ line: String) {
        let lexed = try? Lexer.words(of: line)
        isWhole = lexed != nil
        words = lexed ?? line.split(whereSeparator: \.isWhitespace).map(String.init)
        command = Lobby.command(of: words)
        // What follows `ssh` may be the remote command's.
        if !isRemote { take(words.dropFirst(command?.path.split(separator: " ").count ?? 1)) }
    }

    private mutating func take(_ words: ArraySlice<String>) {
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" { return operands += rest }
            guard word.hasPrefix("-"), word.count > 1 else {
                operands.append(word)
                continue
            }
            let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if word == "--help" { asksForHelp = true }
            flags[name] = parts.count == 2 ? String(parts[1]) : ""
            guard parts.count == 1, word != "--help" else { continue }
            let known = command?.flags.first { $0.name == name }
            // Of a flag that is not known here it may be the value.
            if known.map({ $0.value != nil }) ?? (rest.first == "--help") { flags[name] = rest.popFirst() ?? "" }
        }
    }

    package func has(_ flag: String) -> Bool { flags[flag] != nil }

    /// The name of the VM that it makes; nil where exe.dev chooses one.
    var newName: String? {
        switch command?.path {
        case "new": flags["name"].flatMap { $0.isEmpty ? nil : $0 }
        case "cp", "rename": operands.count == 2 ? operands[1] : nil
        default: nil
        }
    }

    /// It makes a VM, which the plan may not allow.
    var makesVM: Bool { command?.path == "new" || command?.path == "cp" }

    /// `ssh`: a program on a VM, by exe.dev.
    package var isRemote: Bool { words.first == "ssh" && words.dropFirst().first != "--help" }

    /// It changes nothing, however often it is sent.
    package var isRead: Bool { isWhole && (words.isEmpty || asksForHelp || command?.isRead == true) }

    /// The command without its arguments.
    package var verb: String { command?.path ?? words.first.map { String($0.prefix { !$0.isWhitespace }) } ?? "" }

    /// A page of documentation or a log, which may begin like JSON.
    var answersText: Bool { command.map { $0.isRead && !$0.answersJSON } ?? false }

    /// Its answer must be JSON. A code that is drawn is text.
    var expectsJSON: Bool { command?.answersJSON == true && !asksForHelp && !has("qr") }
}
