import ExeDev
import FleetCore
import Glibc
import Live

/// The program `exedev-ctl`: single commands of exe.dev.
package enum Control {
    /// exe.dev's own help comes with `exec help`.
    static let commands: [ControlCommand] =
        Lobby.commands.filter { $0.path != "help" }.map(ControlCommand.init)
        + [
            .exec, .ssh, .scp, .tokenMint, .tokenInspect, .tokenExchange, .tokenRequest, .tokenRevoke, .tokenFor, .curl, .gitCredential,
            .completion,
            .man,
        ]

    /// Whether the lobby has it, or a fleet needs it.
    static func isCommand(_ path: String) -> Bool { Lobby.commands.contains { $0.path == path } || path == "ssh" || path.hasPrefix("ssh ") }

    /// `arguments`: as they were handed over, without the name of the program.
    package static func run(_ arguments: [[UInt8]]) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        do throws(RemoteExit) {
            return Terminal.ended(try await status(of: arguments), as: "exedev-ctl").rawValue
        } catch {
            return Terminal.hasWritten ? error.status : ExitStatus.failed.rawValue
        }
    }

    /// Of bytes that are no UTF-8 something else would be sent than was typed.
    static func text(_ bytes: [UInt8], of place: String) throws(UsageError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw UsageError("\(place) is no UTF-8 text") }
        return text
    }

    private static func status(of given: [[UInt8]]) async throws(RemoteExit) -> ExitStatus {
        let session = ControlSession(terminal: Terminal(), environment: CommandContext.environment)
        let terminal = session.terminal
        do {
            let words = try given.enumerated().map { try text($1, of: "argument \($0 + 1)") }
            if let text = try ControlHelp.asked(words) {
                terminal.out(text)
                return .done
            }
            let (command, rest) = try ControlHelp.command(words)
            do {
                let arguments = try Arguments(
                    rest, options: command.options, passesOn: command.isOpen, verbatimAfter: command.verbatimAfter)
                return try await command.run(arguments, session)
            } catch let error as UsageError {
                terminal.say("exedev-ctl: \(error)\n\(command.usage)\n(exedev-ctl \(command.path) --help tells more)")
                return .usage
            }
        } catch let error as UsageError {
            terminal.say("exedev-ctl: \(error)")
            return .usage
        } catch let exit as RemoteExit {
            throw exit
        } catch let error as ExeDevError {
            terminal.say("exedev-ctl: \(error)")
            if let advice = error.remedy.advice { terminal.say("  \(advice)") }
            if case .notFound = error { terminal.say("  exedev-ctl ls shows the VMs; a tag-scoped key sees those with its tag only") }
            if error.isOfAccess { terminal.say("  exedev-k8s doctor looks closer: \(error.doctorCheck)") }
            if case .observeAgain = error.remedy { terminal.say("  it is not known whether it was done: look before you send it again") }
            return .failed
        } catch {
            terminal.say("exedev-ctl: \(error)")
            return .failed
        }
    }
}

extension ExeDevError {
    /// Not about what was typed, but about the way to exe.dev.
    fileprivate var isOfAccess: Bool {
        switch self {
        case .lost, .tokenRefused, .notAllowed, .throttled, .serverError, .timedOut, .unreadable, .quotaReached, .vmNotReady: true
        case .misunderstood, .nameUnavailable, .notFound, .refused: false
        }
    }
}

extension ControlCommand {
    static let exec = ControlCommand(
        path: "exec", operands: ["<line|->"], summary: "sends a command line as it is typed; - reads it from standard input",
        options: .control, examples: ["exec 'ls -l'", "exec 'share show web-one'", "exec - < line"]
    ) { arguments, session in
        let operands = try arguments.operands(upTo: 1)
        guard let line = operands.first else { throw UsageError("one command line is expected") }
        let command = ExeDevCommand.raw(line == "-" ? try session.lineOnInput() : line)
        guard !command.parsed.words.isEmpty else { throw UsageError("the command line is empty") }
        if let status = try await session.remoteStatus(of: command, arguments) { throw RemoteExit(status: status) }
        return try await session.send(command, arguments)
    }
}
