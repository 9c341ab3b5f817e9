import FleetCore
import Glibc
import Reconciler

/// A verb of the program, registered in `Program.verbs`.
struct Verb: Sendable {
    var name: String
    var summary: String
    /// The operands in the usage line.
    var operands: String
    var options: [Arguments.Option]
    /// It says what it waits for when it has said nothing for a while.
    var breaksSilence = true
    var run: @Sendable (Arguments, Terminal) async throws -> ExitStatus

    var help: String {
        let width = (options.map { label($0).count }.max() ?? 0) + 2
        let rows = options.map { "  " + label($0).padded(to: width) + $0.meaning }
        return (["usage: exedev-k8s \(name) \(operands)", "", summary] + (rows.isEmpty ? [] : [""] + rows)).joined(separator: "\n")
    }

    private func label(_ option: Arguments.Option) -> String { "--\(option.name)" + (option.takesValue ? " VALUE" : "") }
}

extension Arguments.Option {
    /// Options of a verb that touches the state directory alone.
    static let ofState = common.filter { ["file", "state"].contains($0.name) }

    /// Options of every verb that reads the world.
    static let common: [Arguments.Option] = [
        .path("file", "the fleet file (default fleet.json)"),
        .path("state", "where the ledger and the fleet's secrets live (default $STATE_DIRECTORY or ~/.local/state/exedev-k8s)"),
        .path("token-file", "a file with the exe.dev API token (else $EXE_DEV_API_KEY)"),
        .value("transport", "https, or ssh: with a registered key and no token (else $EXE_DEV_TRANSPORT)"),
        .flag("json", "print JSON on standard output"),
    ]
}

/// The program `exedev-k8s`.
package enum Program {
    static let verbs: [Verb] = [
        .validate, .schema, .plan, .apply, .replace, .status, .destroy, .recover, .kubeconfig, .daemon, .history, .pause, .resume, .doctor,
    ]

    package static func run(_ words: [String]) async -> Int32 {
        // A reader that goes away is an error to report, not a reason to die in the middle of a step.
        signal(SIGPIPE, SIG_IGN)
        return await Terminal.ended(status(of: words), as: "exedev-k8s").rawValue
    }

    private static func status(of words: [String]) async -> ExitStatus {
        let terminal = Terminal()
        if words.count == 2, words[0] == "help" { return await status(of: [words[1], "--help"]) }
        guard let name = words.first, name != "help", name != "--help", name != "-h" else {
            terminal.out(help)
            return words.isEmpty ? .usage : .done
        }
        if name == "--version" {
            terminal.out("exedev-k8s \(version)")
            return .done
        }
        guard let verb = verbs.first(where: { $0.name == name }) else {
            let hint = nearest(name, in: verbs.map(\.name)).map { "; did you mean \($0)?" } ?? "; see exedev-k8s help"
            terminal.error("there is no verb \(name)\(hint)")
            return .usage
        }
        return await run(verb, Array(words.dropFirst()), terminal)
    }

    private static func run(_ verb: Verb, _ words: [String], _ terminal: Terminal) async -> ExitStatus {
        if words.contains("--help") || words.contains("-h") {
            terminal.out(verb.help)
            return .done
        }
        do {
            let arguments = try Arguments(words, options: verb.options)
            guard verb.breaksSilence else { return try await verb.run(arguments, terminal) }
            return try await terminal.attending { try await verb.run(arguments, terminal) }
        } catch let error as UsageError {
            terminal.error("\(error)\n\(verb.help)")
            return .usage
        } catch {
            terminal.error("\(Failure.shown(error))")
            return .failed
        }
    }

    static let version = "0.1.0"

    private static var help: String {
        let rows = verbs.map { "  " + $0.name.padded(to: 12) + $0.summary }
        return
            (["exedev-k8s keeps a fleet of exe.dev VMs and the k3s cluster on them as a fleet file asks.", ""] + rows
            + ["", "exedev-k8s VERB --help tells a verb's options."]).joined(separator: "\n")
    }
}
