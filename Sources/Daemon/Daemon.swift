package import FleetCore
import FoundationEssentials
import Glibc
import Live
import Reconciler

/// Reconciles for ever: on a schedule, on a signal, when a fleet file changes. One loop handles events; each fleet's passes are tasks of
/// their own, so that a fleet that is slow or fails delays no other.
package struct Daemon: Sendable {
    private let sources: [FleetSource]
    private let interval: Double
    private let sinks: @Sendable (DesiredFleet) -> [any NoticeSink]
    private let manager: ServiceManager
    private let run = AuditRecord.newRun()

    /// `sinks` makes the sinks of one fleet. They live as long as the daemon.
    package init(
        sources: [FleetSource], interval: Double, environment: [String: String],
        sinks: @escaping @Sendable (DesiredFleet) -> [any NoticeSink]
    ) {
        (self.sources, self.interval, self.sinks) = (sources, interval, sinks)
        manager = ServiceManager(environment: environment)
    }

    enum LoopEvent: Sendable {
        case tick
        case signal(Int32)
        /// With the fleet's index.
        case passEnded(Int, Result<Reconciler.Result, any Error>)
    }

    /// A fleet file, key or token is unusable: a restart would not help.
    package struct Unusable: Error, Sendable, CustomStringConvertible {
        package var reason: String
        package var description: String { reason }
    }

    /// Returns after a stop signal. Throws `Unusable`, or why it cannot start now (another run holds the lock of a fleet).
    package func run() async throws {
        try await run { Signals([SIGTERM, SIGINT, SIGHUP], handler: $0) }
    }

    /// `listen` installs the handler of signals and returns the object that keeps it installed.
    func run(listen: (@escaping @Sendable (Int32) -> Void) -> AnyObject) async throws {
        var state = try open()
        let locks = try state.runners.map { Held(try FleetLock(in: $0.context.state, verb: "daemon")) }
        do { for runner in state.runners { try runner.open() } } catch {
            for runner in state.runners { runner.close() }
            throw error
        }
        let (events, continuation) = AsyncStream<LoopEvent>.makeStream()
        let signals = listen { continuation.yield(.signal($0)) }
        manager.ready(status(state))
        for index in state.runners.indices {
            state.runners[index].send(.started(state.runners[index].context.fleet, run: run))
            state.runners[index].readOperatorFiles(uptime: SystemClock().uptime)
        }
        await withTaskGroup(of: Void.self) { group in
            for sink in state.runners.flatMap(\.sinks) { group.addTask { await sink.serve() } }
            await keep(&state, events, continuation)
            for runner in state.runners { runner.close() }
        }
        for runner in state.runners { await runner.context.close() }
        withExtendedLifetime((signals, locks)) {}
    }

    /// The loop.
    private func keep(
        _ state: inout DaemonState, _ events: AsyncStream<LoopEvent>, _ continuation: AsyncStream<LoopEvent>.Continuation
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Self.tick(every: pulse, continuation) }
            for await event in events {
                for runner in state.runners { runner.beat(.alive) }
                note(event, &state)
                if state.isDone { break }
                for index in state.runners.indices { begin(index, &state, &group, continuation) }
                let awake = DaemonState.awake
                manager.pulse(
                    status(state), isSound: state.isSound(awake: awake),
                    needsSeconds: state.needsTime(awake: awake) ? Self.extensionSeconds : nil)
            }
            group.cancelAll()
        }
    }

    /// Boxes a lock: an array cannot hold a noncopyable value.
    private final class Held {
        let lock: FleetLock
        init(_ lock: consuming FleetLock) { self.lock = lock }
    }

    /// Reads every file before anything starts, and reports all problems at once.
    private func open() throws(Unusable) -> DaemonState {
        var runners: [FleetRunner] = []
        var problems: [String] = []
        for source in sources {
            let stamp = FileStamp(source.file)
            do {
                let context = try source.open()
                if let other = runners.first(where: { $0.context.state.path == context.state.path }) {
                    problems.append("\(source.file): the cluster \(context.fleet.cluster.name) is already managed by \(other.source.file)")
                }
                runners.append(FleetRunner(source, context: context, interval: interval, stamp: stamp, sinks: sinks(context.fleet)))
            } catch {
                problems.append("\(source.file): \(error)")
            }
        }
        guard problems.isEmpty else { throw Unusable(reason: problems.joined(separator: "\n")) }
        return DaemonState(runners: runners)
    }

    // MARK: time

    /// Seconds between two checks of the files, and between two watchdog messages.
    private var pulse: Double { min(5, interval, manager.watchdog.map { $0 / 3 } ?? 5) }
    /// Seconds that each request for more time to stop adds; several pulses.
    private static let extensionSeconds = 30

    /// Only wakes the loop: the loop itself feeds the watchdog.
    private static func tick(every seconds: Double, _ continuation: AsyncStream<LoopEvent>.Continuation) async {
        repeat { continuation.yield(.tick) } while (try? await Task.sleep(for: .milliseconds(Int(seconds * 1000)))) != nil
    }

    private func status(_ state: DaemonState) -> String { state.status(uptime: SystemClock().uptime, awake: DaemonState.awake) }

    // MARK: events

    private func note(_ event: LoopEvent, _ state: inout DaemonState) {
        switch event {
        case .tick:
            let changed = state.runners.indices.filter { FileStamp(state.runners[$0].source.file) != state.runners[$0].stamp }
            if !changed.isEmpty { reload(changed, &state) }
            for index in state.runners.indices { state.runners[index].readOperatorFiles(uptime: SystemClock().uptime) }
        case .signal(SIGHUP): reload(Array(state.runners.indices), &state)
        case .signal: stop(&state)
        case .passEnded(let index, let result): ended(result, &state.runners[index], isStopping: state.isStopping)
        }
    }

    private func stop(_ state: inout DaemonState) {
        // The second signal. Every write of the ledger is atomic, and the next run observes what came of unanswered requests.
        guard !state.isStopping else { _exit(128 + SIGTERM) }
        state.stoppingSince = DaemonState.awake
        manager.stopping()
        for runner in state.runners {
            runner.stopSignal?.set()
            runner.send(.stopping)
        }
    }

    private func reload(_ indices: [Int], _ state: inout DaemonState) {
        guard !state.isStopping else { return }
        manager.reloading()
        for index in indices { reload(&state.runners[index]) }
        manager.ready(status(state))
    }

    private func reload(_ runner: inout FleetRunner) {
        runner.stamp = FileStamp(runner.source.file)
        do {
            let context = try runner.source.open()
            guard context.state.path == runner.context.state.path else {
                throw StateError("the cluster's name or the state directory changed", advice: "restart the service for another cluster")
            }
            // The running pass finishes its steps with the old file; the next pass uses the new one.
            runner.successor = context
            runner.stopSignal?.set()
            runner.schedule.hurry(now: SystemClock().uptime)
            runner.send(.reloaded(context.fleet))
        } catch {
            runner.send(.reloadRefused("\(error)"))
        }
    }

    private func ended(_ result: Result<Reconciler.Result, any Error>, _ runner: inout FleetRunner, isStopping: Bool) {
        runner.stopSignal = nil
        guard !isStopping, runner.successor == nil else { return runner.beat(.passCutShort) }
        runner.passEnded(result, uptime: SystemClock().uptime, chance: .random(in: 0...1))
        let next = runner.schedule.next - SystemClock().uptime
        switch result {
        case .success(let result): runner.send(.passEnded(result, next: next))
        case .failure(let error): runner.send(.passFailed(Self.words(error), asksOperator: Self.asksOperator(error), next: next))
        }
    }

    static func words(_ error: any Error) -> String {
        guard let error = error as? EffectError, let advice = error.advice else { return "\(error)" }
        return "\(error.message); \(advice)"
    }

    /// Both kinds of error carry advice when the operator must act.
    static func asksOperator(_ error: any Error) -> Bool {
        switch error {
        case let error as EffectError: if case .askOperator = error.remedy { true } else { false }
        case let error as StateError: error.advice != nil
        default: false
        }
    }

    // MARK: passes

    private func begin(
        _ index: Int, _ state: inout DaemonState, _ group: inout TaskGroup<Void>, _ continuation: AsyncStream<LoopEvent>.Continuation
    ) {
        let isDue = SystemClock().uptime >= state.runners[index].schedule.next
        guard isDue, state.runners[index].stopSignal == nil, !state.isStopping else { return }
        if let context = state.runners[index].successor {
            let old = state.runners[index].context
            group.addTask { await old.close() }
            (state.runners[index].context, state.runners[index].successor) = (context, nil)
        }
        let stopSignal = StopSignal()
        (state.runners[index].stopSignal, state.runners[index].began) = (stopSignal, DaemonState.awake)
        state.runners[index].passes += 1
        let runner = state.runners[index]
        let before = runner.context.traffic()
        runner.beat(.passBegan { [traffic = runner.context.traffic] in traffic().since(before) })
        group.addTask {
            do {
                continuation.yield(.passEnded(index, .success(try await pass(of: runner, stopSignal))))
            } catch {
                continuation.yield(.passEnded(index, .failure(error)))
            }
        }
    }

    private func pass(of runner: FleetRunner, _ stopSignal: StopSignal) async throws -> Reconciler.Result {
        let context = runner.context
        let ledger = try context.state.ledger(for: context.fleet) { runner.send(.event(.ledgerRemarked($0))) }
        try context.state.store(ledger)
        let clock = SystemClock()
        let audit = AuditLog(in: context.state, verb: "daemon", run: run, plan: "pass-\(runner.passes)")
        var reconciler = Reconciler(fleet: context.fleet, clock: clock, isAttended: false) {
            runner.send(.event($0))
            audit.note($0)
        }
        reconciler.replacing = context.state.requestedReplacements(ledger)
        return try await reconciler.converge(
            context.world, ledger: ledger, memory: audit, approved: nil, deadline: clock.now + runner.bound,
            inspected: runner.inspected, troubled: runner.troubled, stopSignal: stopSignal)
    }
}
