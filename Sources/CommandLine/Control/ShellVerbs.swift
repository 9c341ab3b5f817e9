import ExeDev
import FleetCore
import FoundationEssentials
import Glibc
import Live
import Reconciler
import SSH
import Shell
import Spawn
import Synchronization

/// How a program on a VM ended; `exedev-ctl ssh` ends likewise.
struct RemoteExit: Error { var status: Int32 }

extension [Arguments.Option] {
    /// Of what logs in to a VM.
    static let shell: [Arguments.Option] = [
        .tokenFile, .transport,
        .path("key", "the SSH key, or the .pub file of one in the ssh-agent (else $EXE_DEV_SSH_KEY, the agent, ~/.ssh)"),
        .value("l", "the login name, where exe.dev names none"),
    ]
}

extension ControlCommand {
    static let ssh = ControlCommand(
        path: "ssh", operands: ["<vm>", "[command]..."],
        summary: "runs a command on a VM, or a shell, and ends with its exit status; streams go both ways",
        options: .shell.map(throughExec) + [.flag("t", "with a terminal, also for a command")],
        examples: [
            "ssh web-one", "ssh web-one uptime", "ssh web-one tar -C /srv -xz < files.tar.gz",
            "ssh --transport https web-one journalctl -f",
        ], verbatimAfter: 1
    ) { arguments, session in
        guard let typed = arguments.operands.first else { throw UsageError("<vm> is missing") }
        let (name, login) = Self.login(typed)
        var words = arguments.operands.dropFirst()
        if words.first == "--" { words = words.dropFirst() }
        let command = words.isEmpty ? nil : words.joined(separator: " ")
        if arguments.value("transport") == Transport.https.rawValue {
            throw RemoteExit(status: try await session.runThroughExec(name, command, login: login, arguments))
        }
        let hasTerminal = session.terminal.inIsTerminal && (command == nil || arguments.has("t"))
        let status = try await session.withVM(name, login: login, arguments) { vm, access in
            let raw = hasTerminal ? RawTerminal() : nil
            defer { raw?.restore() }
            // A user's own command may exec or exit: a shell of its own, so that the end can be proved.
            let line = command.map { hasTerminal ? $0 : ofLoginShell($0) }
            let result = try await access.stream(
                vm, command: line, terminal: hasTerminal ? RawTerminal.ofOurs : nil, input: SSHInput(descriptor: STDIN_FILENO),
                write: Self.passOn)
            return result.exitStatus ?? 128 + Self.number(of: result.signal)
        }
        throw RemoteExit(status: status)
    }

    /// `[user@]vm`, as OpenSSH takes it.
    static func login(_ typed: String) -> (vm: String, user: String?) {
        guard let at = typed.lastIndex(of: "@") else { return (typed, nil) }
        return (String(typed[typed.index(after: at)...]), String(typed[..<at]))
    }

    private static func throughExec(_ option: Arguments.Option) -> Arguments.Option {
        option.name != "transport"
            ? option
            : .value(
                "transport", "https: exe.dev runs the command for a token, without standard input; ssh: the lobby too is asked over SSH")
    }

    /// Once nobody reads any more the command ends with its connection, as it does under OpenSSH.
    @Sendable static func passOn(_ bytes: ArraySlice<UInt8>, isError: Bool) {
        Terminal.passOn(bytes, isError: isError)
        guard !Terminal.hasWritten else { return }
        // `ssh VM yes | head` ends as usual; a full disk is told.
        let isPipe = Terminal.outputError.load(ordering: .relaxed) == EPIPE
        exit((isPipe ? .failed : Terminal.ended(.failed, as: "exedev-ctl")).rawValue)
    }

    /// Of a signal as SSH names it (RFC 4254 §6.10).
    private static func number(of signal: String?) -> Int32 {
        let known = [
            "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ABRT": SIGABRT, "KILL": SIGKILL, "PIPE": SIGPIPE, "TERM": SIGTERM,
            "SEGV": SIGSEGV,
        ]
        return known[signal ?? ""] ?? SIGTERM
    }
}

extension ControlSession {
    /// Through `POST /exec`, which has neither a terminal nor standard input. Returns the exit status.
    fileprivate func runThroughExec(
        _ name: String, _ command: String?, login: String?, _ arguments: Arguments
    ) async throws -> Int32 {
        guard let command else { throw UsageError("a shell needs direct SSH: leave out --transport https, or name a command") }
        if let odd = ["t", "key"].first(where: { arguments.has($0) || arguments.value($0) != nil }) {
            throw UsageError("\(odd == "t" ? "-t" : "--key") is of direct SSH: leave it out, or --transport https")
        }
        let transport = try CurlTransport(token: try token(arguments), environment: environment)
        return try await run(RemoteCommand(vm: name, user: login ?? arguments.value("l"), line: command).command, over: transport)
    }

    /// The VM of that very name, and the way into it; the host that answers is it.
    func withVM<T>(
        _ name: String, login: String? = nil, _ arguments: Arguments, _ body: (VM, ShellAccess) async throws -> T
    ) async throws -> T {
        guard var vm = try await client(arguments).find(name) else {
            throw Failure("there is no VM \(name)", advice: "exedev-ctl ls shows all")
        }
        if let refusal = Self.refusal(of: vm) { throw refusal }
        vm.sshUser = login ?? vm.sshUser
        let access = try shellAccess(arguments)
        do {
            try await access.prove(vm)
            let value = try await body(vm, access)
            await access.close()
            return value
        } catch {
            await access.close()
            if let refused = error as? EffectError, case .refused = refused.remedy {
                throw Failure(
                    refused.message,
                    advice:
                        "name the key that exe.dev knows with --key, or register this one: ssh exe.dev ssh-key add; -l names another login")
            }
            if let lost = error as? EffectError, case .observeAgain = lost.remedy {
                throw Failure(lost.message, advice: "it is not known whether it was done: look before you send it again")
            }
            throw Failure.shown(error)
        }
    }

    /// Of a VM that cannot answer.
    private static func refusal(of vm: VM) -> Failure? {
        switch vm.status {
        case .paused: Failure("\(vm.name) is paused", advice: "exedev-ctl resume \(vm.name)")
        case .stopped: Failure("\(vm.name) is stopped", advice: "exedev-ctl restart \(vm.name)")
        case .running, .starting, .failed, .unknown: nil
        }
    }

    private func shellAccess(_ arguments: Arguments) throws -> ShellAccess {
        try ShellAccess(
            .ofControl(arguments), folder: FileManager.default.currentDirectoryPath, state: try controlState(arguments),
            environment: environment, waits: terminal.patience.waits)
    }

    /// Waits until SSH answers there: for ten minutes at most, and not for what no wait mends.
    func waitForSSH(_ name: String, _ arguments: Arguments) async throws {
        let (client, access) = (try client(arguments), try shellAccess(arguments))
        let (clock, begin) = (SystemClock(), SystemClock().uptime)
        // exe.dev drops connections for minutes after a burst (facts/exedev.md §5, 2026-04).
        var pause = 2.0
        while true {
            do {
                guard let vm = try await client.find(name) else { throw Failure("there is no VM \(name)") }
                try await access.prove(vm)
                return await access.close()
            } catch {
                let left = begin + Self.patience(with: error) - clock.uptime
                guard left > 0 else {
                    await access.close()
                    throw Failure("\(name) was made, but does not answer over SSH: \(Failure.shown(error))")
                }
                let isOver = terminal.patience.waits.begin("SSH on \(name) (\(error))", atMost: left)
                defer { isOver() }
                try await Task.sleep(for: .seconds(pause))
                pause = min(pause * 2, 30)
            }
        }
    }

    /// Seconds after which a VM that was just made should not fail in this way any more.
    static func patience(with error: any Error) -> Double {
        switch error {
        case let error as ExeDevError: if case .askOperator = error.remedy { 0 } else { 600 }
        case let error as EffectError:
            switch error.remedy {
            case .askOperator, .nameTaken: 0
            // A proxy that does not know the VM yet refuses it too.
            case .refused, .fenced: 60
            case .retry, .observeAgain: 600
            }
        case is Failure: 60
        default: 0
        }
    }
}

/// Our terminal as a wire: each key goes to the remote program. However this process ends, the terminal is as it was before.
struct RawTerminal {
    /// Written once, before a signal can come that reads it.
    nonisolated(unsafe) private static var before = termios()

    init() {
        tcgetattr(STDIN_FILENO, &Self.before)
        atexit { RawTerminal.reset() }
        for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                RawTerminal.reset()
                signal(number, SIG_DFL)
                raise(number)
            }
            sigaction(number, &action, nil)
        }
        var mode = Self.before
        cfmakeraw(&mode)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &mode)
    }

    func restore() { Self.reset() }

    /// Safe in a handler of a signal (POSIX.1-2017 §2.4.3).
    private static func reset() { tcsetattr(STDIN_FILENO, TCSANOW, &before) }

    static var ofOurs: SSHTerminal {
        SSHTerminal(name: ProcessInfo.processInfo.environment["TERM"] ?? "xterm") {
            var size = winsize()
            let isKnown = ioctl(STDIN_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
            return isKnown ? (columns: Int32(size.ws_col), rows: Int32(size.ws_row)) : (columns: 80, rows: 24)
        }
    }
}
