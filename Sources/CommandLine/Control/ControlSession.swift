import ExeDev
import FleetCore
import FoundationEssentials
import Glibc
import Live
import SSH

/// What a subcommand of `exedev-ctl` works with.
struct ControlSession: Sendable {
    let terminal: Terminal
    let environment: [String: String]

    /// The token of `--token-file`, of the environment or of systemd.
    func token(_ arguments: Arguments) throws -> ExeDevToken {
        try ExeDevToken.load(
            environment: environment, file: arguments.value("token-file"), credentialsDirectory: environment["CREDENTIALS_DIRECTORY"])
    }

    /// The token that an operand is, or `-` reads from standard input; without one that of `token(_:)`.
    func token(_ operand: String?, _ arguments: Arguments) throws -> ExeDevToken {
        switch operand {
        case nil: return try token(arguments)
        case "-": return try ExeDevToken(try lineOnInput(), from: "standard input")
        case let text?:
            try Self.refuseFile(text)
            return try ExeDevToken(text, from: "the argument")
        }
    }

    /// A token is given as it is, or read from standard input.
    static func refuseFile(_ operand: String) throws {
        guard !operand.hasPrefix("exe"), FileManager.default.fileExists(atPath: operand) else { return }
        throw Failure("\(operand) is a file, and a token is expected", advice: "--token-file \(operand), or - < \(operand)")
    }

    /// `secret`: another token than the one that it sends, for errors to hide too.
    func client(_ arguments: Arguments, hiding secret: ExeDevToken? = nil) throws -> ExeDevClient {
        ExeDevClient(transport: try access(arguments, hiding: secret).transport, waiting: terminal.patience.waits.begin)
    }

    /// Over HTTPS or SSH, by `--transport`, else `EXE_DEV_TRANSPORT`.
    private func access(_ arguments: Arguments, hiding secret: ExeDevToken?) throws -> PlatformAccess {
        try PlatformAccess(
            chosen: arguments.transport(), tokenFile: arguments.value("token-file"), hiding: secret, ssh: .ofControl(arguments),
            folder: FileManager.default.currentDirectoryPath,
            state: try controlState(arguments), environment: environment, waits: terminal.patience.waits)
    }

    /// What would be trusted on first use would be kept there, and nothing is.
    func controlState(_ arguments: Arguments) throws -> StateDirectory {
        try StateDirectory(base: try CommandContext.stateBase(arguments), cluster: "exedev-ctl")
    }

    /// Asks on a terminal; throws unless the answer is `yes`.
    func confirm(_ question: String) throws {
        guard terminal.inIsTerminal, terminal.errorIsTerminal else {
            throw UsageError("nobody can be asked here: --yes does it. \(question)")
        }
        guard terminal.confirms("\(question)\nOnly yes is taken for yes:", answer: "yes") else { throw Failure("nothing was sent") }
    }

    /// Sends one command and prints its answer: as it is into a file or a pipe, and with `--json`; else as a person reads it.
    func send(_ command: ExeDevCommand, columns: [String] = [], _ arguments: Arguments) async throws -> ExitStatus {
        let client = try client(arguments)
        let answer = try await terminal.attending { try await client.exec(command, mixed: true) }
        let documents = ExeDevAnswer(answer)
        if terminal.outIsTerminal, !arguments.has("json"), let values = documents.values {
            terminal.out(AnswerText(columns: columns).lines(of: values).joined(separator: "\n"))
        } else {
            terminal.out(answer.hasSuffix("\n") ? String(answer.dropLast()) : answer)
        }
        guard let complaint = documents.complaint(about: command) else { return .done }
        terminal.say("exedev-ctl: \(complaint)")
        return .failed
    }
}

extension ControlSession {
    /// Of a line of `ssh`, whose output comes as it is: the exit status. Nil for any other.
    func remoteStatus(of command: ExeDevCommand, _ arguments: Arguments) async throws -> Int32? {
        guard command.parsed.isRemote else { return nil }
        let access = try access(arguments, hiding: nil)
        guard let lobby = access.lobby else { return try await run(command, over: access.transport) }
        // As over HTTPS, which has no standard input.
        let nothing = SSHInput(descriptor: open("/dev/null", O_RDONLY | O_CLOEXEC))
        return try await lobby.run(command, input: nothing, write: ControlCommand.passOn)
    }

    /// `transport`: HTTPS.
    func run(_ command: ExeDevCommand, over transport: any ExeDevTransport) async throws -> Int32 {
        try await ExeDevClient(transport: transport, waiting: terminal.patience.waits.begin).run(command) {
            ControlCommand.passOn($0.bytes[...], isError: $0.isError)
        }
    }

    /// A command line on standard input, without the line break that ends it.
    func lineOnInput() throws -> String {
        guard let bytes = Terminal.input(upTo: ExeDevCommand.mostBytes) else {
            throw Failure("standard input has more than \(ExeDevCommand.mostBytes) bytes", advice: "exe.dev takes no longer command")
        }
        let text = try Control.text(bytes, of: "standard input")
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

extension SSHSettings {
    /// `--key` and `-l`.
    static func ofControl(_ arguments: Arguments) -> SSHSettings {
        SSHSettings(keyFile: arguments.value("key"), user: arguments.value("l"), hostKeys: .standard)
    }
}
