import Daemon
import FleetCore
import FoundationEssentials
import Live
import Reconciler
import Synchronization

extension Verb {
    static let daemon = Verb(
        name: "daemon", summary: "keep the fleet as the file asks, for ever; reloads the file when it changes and on SIGHUP",
        operands: "[options]",
        options: Arguments.Option.common.filter { $0.name != "json" } + [
            .value("interval", "seconds between two passes over a settled fleet (default 300)"),
            .value("listen", "serve /metrics, /healthz, /readyz and /status on ADDRESS:PORT too; loopback unless --allow-user is there"),
            .value("allow-user", "an exe.dev user id that may ask there through exe.dev's proxy, and nobody else; repeatable"),
        ]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        guard let interval = Double(arguments.value("interval") ?? "300"), interval >= 1, interval <= 86400 else {
            throw UsageError("--interval takes seconds, from 1 to 86400")
        }
        let environment = ProcessInfo.processInfo.environment
        let endpoint = Endpoint(version: Program.version, listen: try listenAddress(arguments), environment: environment)
        let log = DaemonLog(terminal: terminal)
        let open: @Sendable () throws -> Site = {
            let place = try Workplace.open(arguments, terminal)
            return Site(fleet: place.fleet, state: place.state, world: place.world)
        }
        do {
            let daemon = Daemon(
                file: arguments.value("file") ?? "fleet.json", interval: interval, environment: environment, open: open, sinks: [log],
                endpoint: endpoint)
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
        case .actionStarted, .actionFinished, .actionFailed, .outcomeUnknown: progress.show(event)
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
