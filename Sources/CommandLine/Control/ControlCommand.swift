import ExeDev
import FoundationEssentials
import Live
import Shell

/// A subcommand of `exedev-ctl`: what parsing, help, completion and the man page are made of.
struct ControlCommand: Sendable {
    /// Its words, e.g. `share set-public`.
    var path: String
    /// `<vm>` is needed, `[name]` is not, `...` is any number of them.
    var operands: [String]
    var summary: String
    var options: [Arguments.Option]
    var examples: [String] = []
    /// What cannot be taken back.
    var danger: String?
    /// Options that are not known here are passed on.
    var isOpen = false
    /// What follows so many operands is passed on as it is.
    var verbatimAfter = Int.max
    var run: @Sendable (Arguments, ControlSession) async throws -> ExitStatus

    var usage: String { ["usage: exedev-ctl", path, "[options]"].joined(separator: " ") + operands.map { " " + $0 }.joined() }

    var help: String {
        let rows = options.map { ($0.label, $0.meaning) }
        let width = (rows.map(\.0.count).max() ?? 0) + 2
        var lines = [usage, "", summary]
        if let danger { lines += ["", "Asks first: \(danger). Where nobody can be asked it needs --yes."] }
        lines += [""] + rows.map { "  " + $0.0.padded(to: width) + $0.1 }
        if isOpen {
            lines += ["", "Other words and flags are sent as they are typed; exedev-ctl exec '\(path) --help' shows exe.dev's own help."]
        }
        if !examples.isEmpty { lines += ["", "Examples:"] + examples.map { "  exedev-ctl " + $0 } }
        return lines.joined(separator: "\n")
    }
}

extension Arguments.Option {
    /// As in a list of options: `--name VALUE`, `-l`.
    var label: String { flag + (takesValue ? " VALUE" : "") }
}

extension Arguments.Option {
    static let tokenFile = path("token-file", "a file with the API token (else $EXE_DEV_API_KEY)")
    static let out = path("out", "write the token into this file, mode 0600, not to standard output")
    static let transport = value("transport", "https, or ssh: with a registered key and no token (else $EXE_DEV_TRANSPORT, https)")
}

extension [Arguments.Option] {
    /// Of whatever speaks to exe.dev.
    static let control: [Arguments.Option] = [
        .tokenFile, .transport,
        .flag("json", "print exe.dev's answer as it is, also on a terminal"),
    ]
}

extension ControlCommand {
    /// A command of exe.dev's lobby.
    init(_ lobby: LobbyCommand) {
        (path, operands, summary, examples) = (lobby.path, lobby.operands, lobby.summary, lobby.examples)
        (danger, isOpen) = (lobby.danger, lobby.isOpen)
        options = lobby.flags.map { flag in
            flag.value == nil ? .flag(flag.name, flag.meaning) : .value(flag.name, flag.meaning)
        }
        options += .control
        let dangerous = lobby.flags.first { $0.danger != nil }
        if danger == nil { danger = dangerous.flatMap { flag in flag.danger.map { "with \(flag.spelling) \($0)" } } }
        if danger != nil { options.append(.flag("yes", "do not ask")) }
        if path == "new" { options += [.flag("wait", "until SSH answers there")] + .shell.filter { ["key", "l"].contains($0.name) } }
        run = { arguments, session in
            let operands = try lobby.operands(in: arguments)
            if let question = lobby.question(arguments, operands), !arguments.has("yes") { try session.confirm(question) }
            guard arguments.has("wait") else {
                return try await session.send(lobby.line(in: arguments, operands), columns: lobby.columns, arguments)
            }
            guard let name = arguments.value("name") else { throw UsageError("--wait needs --name") }
            let status = try await session.send(lobby.line(in: arguments, operands), columns: lobby.columns, arguments)
            if status == .done { try await session.terminal.attending { try await session.waitForSSH(name, arguments) } }
            return status
        }
    }
}

extension LobbyCommand {
    /// Throws when there are too few or too many.
    func operands(in arguments: Arguments) throws(UsageError) -> [String] {
        let given = arguments.operands
        if isOpen { return given }
        if given.count < arity.least { throw UsageError("\(operands[given.count]) is missing") }
        return try arguments.operands(upTo: arity.most ?? .max)
    }

    /// What is asked before it is sent, with the whole line; nil where nothing is.
    func question(_ arguments: Arguments, _ operands: [String]) -> String? {
        guard let danger = danger ?? flags.first(where: { $0.danger != nil && arguments.has($0.name) })?.danger else { return nil }
        return "What \(OutsideText.line(line(in: arguments, operands).line, limit: ExeDevCommand.mostBytes)) does: \(danger)."
    }

    func line(in arguments: Arguments, _ operands: [String]) -> ExeDevCommand {
        // What is not known here stands where it was typed.
        if isOpen { return .typed(path.split(separator: " ").map(String.init) + operands) }
        var given: [(flag: Flag, value: String?)] = []
        for flag in flags {
            if flag.value == nil {
                if arguments.has(flag.name) { given.append((flag, nil)) }
            } else {
                given += (flag.isList ? arguments.values(flag.name) : arguments.values(flag.name).suffix(1)).map { (flag, $0) }
            }
        }
        return line(flags: given, operands: operands)
    }
}
