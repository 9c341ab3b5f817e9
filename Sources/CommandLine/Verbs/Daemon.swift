import Daemon
import FleetCore
import FoundationEssentials
import Live
import Reconciler
import Synchronization

extension Verb {
    static let daemon = Verb(
        name: "daemon", summary: "keep fleets as their files ask, for ever; reloads a file when it changes and all on SIGHUP",
        operands: "[options]",
        options: Arguments.Option.common.filter { $0.name != "json" && $0.name != "file" } + [
            .list("file", "a fleet file (default fleet.json); given several times, several fleets are kept side by side"),
            .value("interval", "seconds between two passes over a settled fleet (default 300)"),
            .value("listen", "serve /metrics, /healthz, /readyz and /status on ADDRESS:PORT too; loopback unless --allow-user is there"),
            .list("allow-user", "an exe.dev user id that may ask there through exe.dev's proxy, and nobody else; repeatable"),
        ]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        guard let interval = Double(arguments.value("interval") ?? "300"), interval >= 1, interval <= 86400 else {
            throw UsageError("--interval takes seconds, from 1 to 86400")
        }
        let files = arguments.values("file").isEmpty ? [Workplace.standardFile] : arguments.values("file")
        let listen = try listenAddress(arguments)
        guard listen == nil || files.count == 1 else { throw UsageError("--listen serves one fleet: start a daemon for each that needs it") }
        let environment = ProcessInfo.processInfo.environment
        let sources = files.map { file in
            FleetSource(file: file) {
                let place = try Workplace.open(arguments, terminal, file: file)
                return Site(fleet: place.fleet, state: place.state, world: place.world) {
                    (place.world.traffic.api, place.world.traffic.ssh)
                } close: {
                    await place.world.close()
                }
            }
        }
        do {
            let daemon = Daemon(sources: sources, interval: interval, environment: environment) { fleet in
                let name = fleet.cluster.name
                let isOne = files.count == 1
                return [
                    DaemonLog(terminal: isOne ? terminal : terminal.speaking(of: name)),
                    Endpoint(version: Program.version, listen: listen, environment: environment, name: isOne ? "exedev-k8s" : name),
                ]
            }
            try await daemon.run()
            return .done
        } catch let error as Daemon.Unusable {
            terminal.error("\(error)")
            return .configuration
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

/// One line per transition, silence over a settled fleet.
final class DaemonLog: NoticeSink {
    private let terminal: Terminal
    private let progress: ProgressLines
    /// What was last said of each node, and of the fleet.
    private let said = Mutex<[String: String]>([:])

    init(terminal: Terminal) {
        self.terminal = terminal
        progress = ProgressLines(terminal: terminal, showsElapsed: false)
    }

    func note(_ notice: Notice) {
        switch notice {
        case .started(let fleet, _): terminal.say("keeping the fleet \(fleet.cluster.name): \(fleet.nodes.count) nodes")
        case .event(let event): show(event)
        case .passEnded(let result, let next):
            said.withLock { $0["the pass"] = nil }
            for line in result.plan.lines { say(words(of: line.decision), of: line.node) }
            say(result.plan.isSettled ? "settled" : "not settled; next pass in \(Int(next)) s", of: "the fleet")
        case .passFailed(let reason, let next):
            said.withLock { $0["the fleet"] = nil }
            say("failed: \(reason); next in \(Int(next)) s", of: "the pass", key: reason)
        case .reloaded(let fleet): terminal.say("read the fleet file anew: \(fleet.nodes.count) nodes")
        case .reloadRefused(let reason): terminal.say("the new fleet file is refused, the old one stays in force: \(reason)")
        case .stopping: terminal.say("stopping: steps under way are finished, nothing new is begun")
        }
    }

    /// What a node waits for changes by the second; only how a pass left it is worth a line.
    private func show(_ event: Event) {
        switch event {
        case .waiting, .nodeSettled, .blocked: break
        case .lookFailed:
            // That it is well again is news too.
            said.withLock { $0["the fleet"] = nil }
            progress.show(event)
        case .actionStarted, .actionFinished, .actionFailed, .outcomeUnknown, .ledgerRemarked: progress.show(event)
        }
    }

    private func words(of decision: Decision) -> String {
        switch decision {
        case .settled: "settled"
        case .act(let action, let because): "\(action.step.words): \(because)"
        case .wait(let wait): "waits: \(wait.reason)"
        case .blocked(let block): "blocked: \(block.reason); \(block.advice)"
        case .reported(let text): text
        }
    }

    private func say(_ text: String, of subject: String, key: String? = nil) {
        let isNews = said.withLock { said in
            defer { said[subject] = key ?? text }
            return said[subject] != key ?? text
        }
        if isNews { terminal.say(subject.padded(to: 16) + " " + text) }
    }
}
