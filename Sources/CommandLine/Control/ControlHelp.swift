import ExeDev
import FleetCore

/// Which subcommand is meant, and the help that is printed offline.
enum ControlHelp {
    /// The text that these words ask for; nil when they ask for none.
    static func asked(_ words: [String]) throws(UsageError) -> String? {
        let isHelp = { (word: String) in ["help", "--help", "-h"].contains(word) }
        if words.first == "--version" { return "exedev-ctl \(Program.version)" }
        guard let first = words.first else { return overview }
        if isHelp(first) { return words.count == 1 ? overview : try help(of: Array(words.dropFirst())) }
        // What stands behind a command line, or a VM, is not ours.
        guard !["exec", "ssh", "curl"].contains(first) || words.dropFirst().first.map(isHelp) == true else { return nil }
        guard let at = words.firstIndex(where: { isHelp($0) && $0 != "help" }) else { return nil }
        return try help(of: Array(words[..<at]))
    }

    private static func help(of words: [String]) throws(UsageError) -> String {
        if let command = found(words) { return command.help }
        guard let first = words.first(where: { !$0.hasPrefix("-") }) else { return overview }
        let family = members(of: first)
        return family.isEmpty ? try command(words).0.help : rows(family, header: "usage: exedev-ctl \(first) COMMAND")
    }

    /// The subcommand that `words` begin with, and what follows it. Options may stand before it: `exedev-ctl --json ls`.
    static func command(_ words: [String]) throws(UsageError) -> (ControlCommand, [String]) {
        if let command = found(words) { return (command, Array(words.dropFirst(command.path.split(separator: " ").count))) }
        // What stands before it are options, and values of options.
        let valued = ["--transport", "--token-file", "--key", "-l"]
        for start in words.indices.dropFirst() where !words[start].hasPrefix("-") && !valued.contains(words[start - 1]) {
            if let command = found(Array(words[start...])) {
                return (command, Array(words[..<start] + words[start...].dropFirst(command.path.split(separator: " ").count)))
            }
            break
        }
        let first = words.first { !$0.hasPrefix("-") } ?? words[0]
        let family = members(of: first)
        guard family.isEmpty else {
            throw UsageError("\(first) needs one of \(family.map { String($0.path.dropFirst(first.count + 1)) }.joined(separator: ", "))")
        }
        let hint = nearest(first, in: Control.commands.map(\.path)).map { "; did you mean \($0)?" } ?? ""
        throw UsageError("there is no subcommand \(first)\(hint) (exedev-ctl exec sends what is not known here)")
    }

    private static func found(_ words: [String]) -> ControlCommand? {
        (1...3).reversed().lazy.compactMap { count in
            let path = words.prefix(count).joined(separator: " ")
            return Control.commands.first { $0.path == path }
        }.first
    }

    private static func members(of family: String) -> [ControlCommand] { Control.commands.filter { $0.path.hasPrefix(family + " ") } }

    private static func rows(_ commands: [ControlCommand], header: String) -> String {
        let width = (commands.map(\.path.count).max() ?? 0) + 2
        return ([header, ""] + commands.map { "  " + $0.path.padded(to: width) + $0.summary }).joined(separator: "\n")
    }

    private static var overview: String {
        rows(Control.commands, header: "usage: exedev-ctl COMMAND [options]\n\nSends single commands to exe.dev.") + """


            exedev-ctl COMMAND --help tells more of one. On a terminal answers are tables, else exe.dev's JSON as it is.
            Exit status: 0 done, 1 refused, failed or not known whether it was done, 64 bad usage.
            """
    }
}
