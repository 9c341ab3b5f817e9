import Daemon
import FleetCore
import FoundationEssentials
import Live

extension Verb {
    static let daemon = Verb(
        name: "daemon", summary: "keep the fleet as the file asks, for ever; reloads the file when it changes and on SIGHUP",
        operands: "[options]",
        options: Arguments.Option.common.filter { $0.name != "json" } + [
            .value("interval", "seconds between two passes over a settled fleet (default 300)"),
            .value("log", "plain, json, journal, or auto: journal under systemd, else plain (default auto)"),
        ] + Arguments.Option.outlets
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        guard let interval = Double(arguments.value("interval") ?? "300"), interval >= 1, interval <= 86400 else {
            throw UsageError("--interval takes seconds, from 1 to 86400")
        }
        let environment = ProcessInfo.processInfo.environment
        let format = try LogFormat.named(arguments.value("log") ?? "auto", environment: environment, errorIs: LogFormat.standardError)
        let log = DaemonLog(format: format) { terminal.say($0) }
        let open: @Sendable () throws -> Site = {
            let place = try Workplace.open(arguments) { log.say(LogEntry($0.severity == .error ? .fileProblem : .fileWarning, "\($0)")) }
            return Site(fleet: place.fleet, state: place.state, world: place.world)
        }
        do {
            let notifier = Notifier(try arguments.outlets(environment: environment)) { log.say($0) }
            let daemon = Daemon(
                file: arguments.value("file") ?? "fleet.json", interval: interval, environment: environment, open: open,
                sinks: [log, notifier])
            try await notifier.delivering { try await daemon.run() }
            return .done
        } catch let error as UsageError {
            throw error
        } catch {
            log.say(LogEntry(.cannotStart, "\(error)"))
            return error is Daemon.Unusable || error is Failure ? .configuration : .failed
        }
    }
}
