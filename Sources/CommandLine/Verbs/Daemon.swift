import Daemon
import FleetCore
import FoundationEssentials
import Live

extension Verb {
    static let daemon = Verb(
        name: "daemon", summary: "apply fleet files for ever; reloads a file when it changes, and all on SIGHUP",
        operands: "[options]",
        options: Arguments.Option.common.filter { $0.name != "json" && $0.name != "file" } + [
            .path("file", "a fleet file (default fleet.json); repeatable, for several fleets"),
            .value("interval", "seconds between two passes over a settled fleet (default 300)"),
            .value("log", "plain, json, journal, or auto: journal under systemd, else plain (default auto)"),
            .value("listen", "serve /metrics, /healthz, /readyz and /status on ADDRESS:PORT too; loopback only, without --allow-user"),
            .list("allow-user", "an exe.dev user id that is allowed there, through exe.dev's proxy only; repeatable"),
        ] + Arguments.Option.outlets, breaksSilence: false
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        guard let interval = Double(arguments.value("interval") ?? "300"), interval >= 1, interval <= 86400 else {
            throw UsageError("--interval takes seconds, from 1 to 86400")
        }
        let files = arguments.values("file").isEmpty ? [CommandContext.standardFile] : arguments.values("file")
        let listen = try listenAddress(arguments)
        guard listen == nil || files.count == 1 else {
            throw UsageError("--listen serves one fleet: start a daemon for each that needs it")
        }
        let environment = CommandContext.environment
        let format = try LogFormat.named(arguments.value("log") ?? "auto", environment: environment, errorIs: LogFormat.standardError)
        let log = DaemonLog(format: format) { terminal.say($0) }
        do {
            let outlets = try arguments.outlets(environment: environment)
            let sources = files.map { source($0, arguments, log) }
            let daemon = Daemon(sources: sources, interval: interval, environment: environment) { fleet in
                let name = fleet.cluster.name
                let isOne = files.count == 1
                let prefixed = isOne ? terminal : terminal.prefixed(by: name)
                let log = DaemonLog(format: format) { prefixed.say($0) }
                return [
                    log, Notifier(outlets) { log.say($0) },
                    Endpoint(version: Program.version, listen: listen, environment: environment, name: isOne ? "exedev-k8s" : name),
                ]
            }
            try await daemon.run()
            return .done
        } catch let error as UsageError {
            throw error
        } catch {
            log.say(LogEntry(.cannotStart, "\(error)"))
            return error is Daemon.Unusable || error is Failure ? .configuration : .failed
        }
    }

    private static func source(_ file: String, _ arguments: Arguments, _ log: DaemonLog) -> FleetSource {
        FleetSource(file: file) {
            let context = try CommandContext.open(arguments, file: file, needsKey: false) {
                log.say(LogEntry($0.severity == .error ? .fileProblem : .fileWarning, "\($0)"))
            }
            return FleetContext(fleet: context.fleet, state: context.state, world: context.world) {
                context.world.traffic
            } close: {
                await context.world.close()
            }
        }
    }

    private static func listenAddress(_ arguments: Arguments) throws(UsageError) -> ListenAddress? {
        let users = arguments.values("allow-user")
        guard let text = arguments.value("listen") else {
            guard users.isEmpty else { throw UsageError("--allow-user says who may ask on --listen, which is missing") }
            return nil
        }
        do throws(ListenAddress.Unusable) {
            return try ListenAddress(text, allowedUsers: users)
        } catch {
            throw UsageError("--listen: \(error)")
        }
    }
}
