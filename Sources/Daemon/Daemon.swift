package import FleetCore
import FoundationEssentials
import Glibc
import Live
import Reconciler

/// Reconciles for ever: on a schedule, on a signal, when a fleet file changes. One loop, fed by events; passes run beside it, one a fleet, so
/// that a fleet that is slow or fails delays no other.
package struct Daemon: Sendable {
    private let sources: [FleetSource]
    private let interval: Double
    private let sinks: @Sendable (DesiredFleet) -> [any NoticeSink]
    private let manager: ServiceManager
    private let run = AuditRecord.newRun()

    /// `sinks` makes those of one fleet; they are kept for as long as the daemon runs.
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
        /// Of the fleet's index.
        case passEnded(Int, Result<Reconciler.Result, any Error>)
    }

    /// A fleet file, or a key or token that it needs, cannot be used: starting again would not help.
    package struct Unusable: Error, Sendable, CustomStringConvertible {
        package var reason: String
        package var description: String { reason }
    }

    /// Returns when it was told to stop; throws `Unusable`, or why it cannot start now (another run holds a fleet).
    package func run() async throws {
        try await run { Signals([SIGTERM, SIGINT, SIGHUP], handler: $0) }
    }

    /// `listen` is given whom to tell of a signal, and returns what is kept for as long as signals are heard.
    func run(listen: (@escaping @Sendable (Int32) -> Void) -> AnyObject) async throws {
        var fleets = try open()
        let locks = try fleets.runners.map { Held(try FleetLock(in: $0.context.state, verb: "daemon")) }
        do { for runner in fleets.runners { try runner.open() } } catch {
            for runner in fleets.runners { runner.close() }
            throw error
        }
        let (inbox, door) = AsyncStream<LoopEvent>.makeStream()
        let ears = listen { door.yield(.signal($0)) }
        manager.ready(status(fleets))
        for runner in fleets.runners { runner.tell(.started(runner.context.fleet, run: run)) }
        await withTaskGroup(of: Void.self) { group in
            for sink in fleets.runners.flatMap(\.sinks) { group.addTask { await sink.serve() } }
            await keep(&fleets, inbox, door)
            for runner in fleets.runners { runner.close() }
        }
        for runner in fleets.runners { await runner.context.close() }
        withExtendedLifetime((ears, locks)) {}
    }

    /// The loop.
    private func keep(_ fleets: inout DaemonState, _ inbox: AsyncStream<LoopEvent>, _ door: AsyncStream<LoopEvent>.Continuation) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Self.tick(every: pulse, door) }
            for await happening in inbox {
                for runner in fleets.runners { runner.beat(.alive) }
                note(happening, &fleets)
                if fleets.isDone { break }
                for index in fleets.runners.indices { begin(index, &fleets, &group, door) }
                let awake = DaemonState.awake
                manager.pulse(
                    status(fleets), isSound: fleets.isSound(awake: awake),
                    needsSeconds: fleets.needsTime(awake: awake) ? Self.stretch : nil)
            }
            group.cancelAll()
        }
    }

    /// A lock is no value that an array could hold.
    private final class Held {
        let lock: FleetLock
        init(_ lock: consuming FleetLock) { self.lock = lock }
    }

    /// Every file is read before anything begins, and all that is wrong is said at once.
    private func open() throws(Unusable) -> DaemonState {
        var runners: [FleetRunner] = []
        var problems: [String] = []
        for source in sources {
            let stamp = FileStamp(source.file)
            do {
                let context = try source.open()
                if let other = runners.first(where: { $0.context.state.path == context.state.path }) {
                    problems.append("\(source.file): the cluster \(context.fleet.cluster.name) is kept from \(other.source.file) already")
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

    /// Seconds between two reads the files, and two signs of life.
    private var pulse: Double { min(5, interval, manager.watchdog.map { $0 / 3 } ?? 5) }
    /// Seconds that each call for more time to stop asks for; several pulses.
    private static let stretch = 30

    /// Only wakes the loop: the signs of life are the loop's own.
    private static func tick(every seconds: Double, _ door: AsyncStream<LoopEvent>.Continuation) async {
        repeat { door.yield(.tick) } while (try? await Task.sleep(for: .milliseconds(Int(seconds * 1000)))) != nil
    }

    private func status(_ fleets: DaemonState) -> String { fleets.status(uptime: SystemClock().uptime, awake: DaemonState.awake) }

    // MARK: what happened

    private func note(_ happening: LoopEvent, _ fleets: inout DaemonState) {
        switch happening {
        case .tick:
            let changed = fleets.runners.indices.filter { FileStamp(fleets.runners[$0].source.file) != fleets.runners[$0].stamp }
            if !changed.isEmpty { reload(changed, &fleets) }
        case .signal(SIGHUP): reload(Array(fleets.runners.indices), &fleets)
        case .signal: stop(&fleets)
        case .passEnded(let index, let result): ended(result, &fleets.runners[index], isStopping: fleets.isStopping)
        }
    }

    private func stop(_ fleets: inout DaemonState) {
        // Told twice. Every write of the ledger is whole, and what was sent without an answer is read for by the next run.
        guard !fleets.isStopping else { _exit(128 + SIGTERM) }
        fleets.stoppingSince = DaemonState.awake
        manager.stopping()
        for runner in fleets.runners {
            runner.stopSignal?.set()
            runner.tell(.stopping)
        }
    }

    private func reload(_ indices: [Int], _ fleets: inout DaemonState) {
        guard !fleets.isStopping else { return }
        manager.reloading()
        for index in indices { reload(&fleets.runners[index]) }
        manager.ready(status(fleets))
    }

    private func reload(_ runner: inout FleetRunner) {
        runner.stamp = FileStamp(runner.source.file)
        do {
            let context = try runner.source.open()
            guard context.state.path == runner.context.state.path else {
                throw StateError("the cluster's name or the state directory changed", advice: "restart the service for another cluster")
            }
            // A pass under way goes on with what it began with until its next step; then the new file counts.
            runner.successor = context
            runner.stopSignal?.set()
            runner.schedule.hurry(now: SystemClock().uptime)
            runner.tell(.reloaded(context.fleet))
        } catch {
            runner.tell(.reloadRefused("\(error)"))
        }
    }

    private func ended(_ result: Result<Reconciler.Result, any Error>, _ runner: inout FleetRunner, isStopping: Bool) {
        runner.stopSignal = nil
        guard !isStopping, runner.successor == nil else { return runner.beat(.passCutShort) }
        runner.passEnded(result, uptime: SystemClock().uptime, chance: .random(in: 0...1))
        let next = runner.schedule.next - SystemClock().uptime
        switch result {
        case .success(let result): runner.tell(.passEnded(result, next: next))
        case .failure(let error): runner.tell(.passFailed("\(error)", asksOperator: Self.asksOperator(error), next: next))
        }
    }

    /// Both kinds of error carry advice when somebody must do something.
    static func asksOperator(_ error: any Error) -> Bool {
        switch error {
        case let error as EffectError: if case .askOperator = error.remedy { true } else { false }
        case let error as StateError: error.advice != nil
        default: false
        }
    }

    // MARK: passes

    private func begin(
        _ index: Int, _ fleets: inout DaemonState, _ group: inout TaskGroup<Void>, _ door: AsyncStream<LoopEvent>.Continuation
    ) {
        guard fleets.runners[index].stopSignal == nil, !fleets.isStopping, SystemClock().uptime >= fleets.runners[index].schedule.next
        else {
            return
        }
        if let context = fleets.runners[index].successor {
            let old = fleets.runners[index].context
            group.addTask { await old.close() }
            (fleets.runners[index].context, fleets.runners[index].successor) = (context, nil)
        }
        let stopSignal = StopSignal()
        (fleets.runners[index].stopSignal, fleets.runners[index].began) = (stopSignal, DaemonState.awake)
        fleets.runners[index].passes += 1
        let runner = fleets.runners[index]
        let before = runner.context.traffic()
        runner.beat(.passBegan { [traffic = runner.context.traffic] in traffic().since(before) })
        group.addTask {
            do {
                door.yield(.passEnded(index, .success(try await pass(of: runner, stopSignal))))
            } catch {
                door.yield(.passEnded(index, .failure(error)))
            }
        }
    }

    private func pass(of runner: FleetRunner, _ stopSignal: StopSignal) async throws -> Reconciler.Result {
        let context = runner.context
        let ledger = try context.state.ledger(for: context.fleet) { runner.tell(.event(.ledgerRemarked($0))) }
        try context.state.store(ledger)
        let clock = SystemClock()
        let audit = AuditLog(in: context.state, verb: "daemon", run: run, plan: "pass-\(runner.passes)")
        let reconciler = Reconciler(fleet: context.fleet, clock: clock, isAttended: false) {
            runner.tell(.event($0))
            audit.note($0)
        }
        return try await reconciler.converge(
            context.world, ledger: ledger, memory: audit, approved: nil, deadline: clock.now + runner.bound, stopSignal: stopSignal)
    }
}
