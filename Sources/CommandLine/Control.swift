import ExeDev
import FoundationEssentials
import Glibc
import Live

/// The program `exedev-ctl`: sends single exe.dev commands.
package enum Control {
    package static func run(_ words: [String]) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        return await Terminal.ended(status(of: words), as: "exedev-ctl").rawValue
    }

    private static func status(of words: [String]) async -> ExitStatus {
        let terminal = Terminal()
        let usage = "usage: exedev-ctl exec 'COMMAND LINE' [--token-file FILE]\n\nSends one exe.dev command and prints its answer."
        if words.contains("--help") || words.first == "help" {
            terminal.out(usage)
            return .done
        }
        do {
            let arguments = try Arguments(words, options: [.path("token-file", "a file with the API token")])
            let operands = try arguments.operands(upTo: 2)
            guard operands.count == 2, operands[0] == "exec" else { throw UsageError("exec and one command line are expected") }
            let environment = CommandContext.environment
            let token = try ExeDevToken.load(
                environment: environment, file: arguments.value("token-file"), credentialsDirectory: environment["CREDENTIALS_DIRECTORY"])
            let client = ExeDevClient(
                transport: try CurlTransport(token: token, environment: environment), waiting: terminal.patience.waits.begin)
            let command = ExeDevCommand.raw(operands[1])
            let answer = try await terminal.attending { try await client.exec(command, mixed: true) }
            terminal.out(answer)
            return command.isUnfulfilled(by: answer) ? .failed : .done
        } catch let error as UsageError {
            terminal.say("exedev-ctl: \(error)\n\(usage)")
            return .usage
        } catch let error as ExeDevError {
            terminal.say("exedev-ctl: \(error)")
            if let advice = error.remedy.advice { terminal.say("  \(advice)") }
            if case .observeAgain = error.remedy { terminal.say("  the outcome is unknown: check with exedev-ctl exec ls") }
            return .failed
        } catch {
            terminal.say("exedev-ctl: \(error)")
            return .failed
        }
    }
}
