import ExeDev
import FleetCore

extension ControlCommand {
    static let completion = ControlCommand(
        path: "completion", operands: ["<bash|zsh|fish>"], summary: "prints the completion script of a shell", options: [],
        examples: ["completion bash > /etc/bash_completion.d/exedev-ctl"]
    ) { arguments, session in
        switch try arguments.operands(upTo: 1).first {
        case "bash": session.terminal.out(ControlPages.bash)
        case "zsh": session.terminal.out("autoload -U +X bashcompinit && bashcompinit\n" + ControlPages.bash)
        case "fish": session.terminal.out(ControlPages.fish)
        case let shell: throw UsageError(shell.map { "there is no completion for \($0)" } ?? "<bash|zsh|fish> is missing")
        }
        return .done
    }

    static let man = ControlCommand(
        path: "man", operands: [], summary: "prints the man page", options: [], examples: ["man > exedev-ctl.1"]
    ) { arguments, session in
        _ = try arguments.operands(upTo: 0)
        session.terminal.out(ControlPages.man)
        return .done
    }
}

/// What is generated of the subcommands for shells and for man.
enum ControlPages {
    /// Words that may follow: of each beginning of a path, and of each whole one its options.
    private static var choices: [(typed: String, next: [String], isWhole: Bool)] {
        var families: [String: [String]] = [:]
        for command in Control.commands {
            let words = command.path.split(separator: " ").map(String.init)
            for count in words.indices {
                let typed = words[..<count].joined(separator: " ")
                if !families[typed, default: []].contains(words[count]) { families[typed, default: []].append(words[count]) }
            }
        }
        let parts = families.sorted { $0.key < $1.key }.map { (typed: $0.key, next: $0.value, isWhole: false) }
        let whole = Control.commands.sorted { $0.path.count > $1.path.count }.map { command in
            (typed: command.path, next: command.choices + command.options.map(\.flag) + ["--help"], isWhole: true)
        }
        return parts + whole
    }

    static var bash: String {
        let cases = choices.map { choice in
            let pattern = choice.isWhole ? "\"\(choice.typed)\"|\"\(choice.typed) \"*" : "\"\(choice.typed)\""
            return "    \(pattern)) next=\"\(choice.next.joined(separator: " "))\" ;;"
        }
        return """
            _exedev_ctl() {
                local typed="${COMP_WORDS[*]:1:COMP_CWORD-1}" next=""
                case "$typed" in
            \(cases.joined(separator: "\n"))
                esac
                local word="${COMP_WORDS[COMP_CWORD]}"
                # Options are offered behind a dash; without an offer bash completes the name of a file.
                COMPREPLY=($(compgen -W "$next" -- "$word"))
                [[ "$word" == -* ]] || COMPREPLY=($(printf '%s\n' "${COMPREPLY[@]}" | grep -v '^-'))
            }
            complete -o default -F _exedev_ctl exedev-ctl
            """
    }

    static var fish: String {
        var lines = ["complete -c exedev-ctl -f"]
        for command in Control.commands {
            let words = command.path.split(separator: " ").map(String.init)
            let before = words.dropLast().map { "__fish_seen_subcommand_from \($0)" }
            let condition = before.isEmpty ? "__fish_use_subcommand" : before.joined(separator: "; and ")
            lines.append("complete -c exedev-ctl -n '\(condition)' -a \(words.last!) -d '\(fishText(command.summary))'")
            if command.path == "scp" { lines.append("complete -c exedev-ctl -n '__fish_seen_subcommand_from scp' -F") }
            let inside = words.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
            for option in command.options {
                let name = option.name.count == 1 ? "-s \(option.name)" : "-l \(option.name)"
                lines.append(
                    "complete -c exedev-ctl -n '\(inside)' \(name)\(option.takesValue ? " -r" : "")\(option.isPath ? " -F" : "") -d '\(fishText(option.meaning))'"
                )
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func fishText(_ text: String) -> String { text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") }

    static var man: String {
        let commands = Control.commands.map { command in
            let options = command.options.map { ".TP\n.B \(roff($0.label))\n\(roff($0.meaning))" }
            let examples = command.examples.isEmpty ? [] : [".IP\n.EX"] + command.examples.map { roff("exedev-ctl " + $0) } + [".EE"]
            return
                (["." + "SS " + roff("\(command.path) \(command.operands.joined(separator: " "))"), roff(command.summary) + "."]
                + (command.danger.map { [".br\nAsks first: \(roff($0)); with \\-\\-yes it does not."] } ?? []) + options + examples)
                .joined(separator: "\n")
        }
        return """
            .TH EXEDEV-CTL 1 "" "exedev-ctl \(Program.version)"
            .SH NAME
            exedev-ctl \\- single commands of exe.dev
            .SH SYNOPSIS
            .B exedev-ctl
            COMMAND [options]
            .SH DESCRIPTION
            Sends single commands to exe.dev. On a terminal answers are tables, else exe.dev's JSON as it is.
            .SH COMMANDS
            \(commands.joined(separator: "\n"))
            .SH EXIT STATUS
            0 done, 1 refused, failed or not known whether it was done, 64 bad usage.
            .SH ENVIRONMENT
            .TP
            .B EXE_DEV_API_KEY, EXE_DEV_API_KEY_FILE
            the API token, or the file that holds it
            .TP
            .B EXE_DEV_ENDPOINT
            another address for the exe.dev API
            .SH SEE ALSO
            .BR exedev-k8s (1),
            .BR ssh-keygen (1)
            """
    }

    private static func roff(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }
}

extension ControlCommand {
    /// The words of an operand like `<bash|zsh|fish>`.
    fileprivate var choices: [String] {
        // Other commands' operands are placeholders.
        guard ["completion", "git-credential"].contains(path) else { return [] }
        return (operands.first ?? "").filter { !"<>".contains($0) }.split(separator: "|").map(String.init)
    }
}

extension Arguments.Option {
    /// As it is typed: `-l`, `--name`.
    var flag: String { (name.count == 1 ? "-" : "--") + name }
}
