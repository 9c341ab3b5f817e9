package import FleetCore
import FoundationEssentials
import Glibc
package import Live
package import Reconciler

/// What the daemon keeps: one fleet as its file asked when it was last read, and the hands for it.
package struct Site: Sendable {
    package var fleet: DesiredFleet
    package var state: StateDirectory
    package var world: LiveWorld

    package init(fleet: DesiredFleet, state: StateDirectory, world: LiveWorld) {
        (self.fleet, self.state, self.world) = (fleet, state, world)
    }
}

/// What the daemon has to say; whoever shows it decides how.
package enum Notice: Sendable {
    /// `run`: what the audit log calls this process.
    case started(DesiredFleet, run: String)
    case event(Event)
    /// `next`: seconds until the next pass.
    case passEnded(Reconciler.Result, next: Double)
    case passFailed(String, next: Double)
    case reloaded(DesiredFleet)
    /// The new file cannot be used; the old one stays in force.
    case reloadRefused(String)
    case stopping
}

/// Reconciles for ever: on a schedule, on a signal, when the fleet file changes. One loop, fed by events; passes run beside it.
package struct Daemon: Sendable {
    private let file: String
    private let interval: Double
    private let open: @Sendable () throws -> Site
    private let sinks: [any NoticeSink]
    private let endpoint: Endpoint?
    private let manager: ServiceManager
    private let run = AuditRecord.newRun()
    /// Seconds that a step under way may still take after SIGTERM: the longest deadline of a step on a host.
    private static let patience = 620

    /// `open` reads the fleet file anew each time and throws when it cannot be used.
    package init(
        file: String, interval: Double, environment: [String: String], open: @escaping @Sendable () throws -> Site,
        sinks: [any NoticeSink], endpoint: Endpoint? = nil
    ) {
        (self.file, self.interval, self.open, self.endpoint) = (file, interval, open, endpoint)
        self.sinks = sinks + (endpoint.map { [$0] } ?? [])
        manager = ServiceManager(environment: environment)
    }

    private func tell(_ notice: Notice) { for sink in sinks { sink.note(notice) } }
    private func beat(_ pulse: Pulse) { for sink in sinks { sink.beat(pulse) } }

    enum Happening: Sendable {
        case tick
        case signal(Int32)
        case passEnded(Result<Reconciler.Result, any Error>)
    }

    /// The fleet file, or a key or token that it needs, cannot be used: starting again would not help.
    package struct Unusable: Error, Sendable, CustomStringConvertible {
        package var reason: String
        package var description: String { reason }
    }

    /// Returns when it was told to stop; throws `Unusable`, or why it cannot start now (another run holds the fleet).
    package func run() async throws {
        let site: Site
        do { site = try open() } catch { throw Unusable(reason: "\(error)") }
        var watch = Watch(site: site, schedule: Schedule(interval: interval), stamp: FileStamp(file))
        let lock = try FleetLock(in: watch.site.state, verb: "daemon")
        try endpoint?.open(in: watch.site.state)
        defer { endpoint?.close() }
        let (inbox, door) = AsyncStream<Happening>.makeStream()
        let signals = Signals([SIGTERM, SIGINT, SIGHUP]) { door.yield(.signal($0)) }
        manager.ready(watch.status)
        tell(.started(watch.site.fleet, run: run))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Self.tick(every: min(5, interval), door) }
            for await happening in inbox {
                manager.alive()
                beat(.alive)
                note(happening, &watch)
                if watch.isDone { break }
                begin(&watch, &group, door)
            }
            group.cancelAll()
        }
        await watch.site.world.close()
        withExtendedLifetime(signals) {}
        _ = consume lock
    }

    private static func tick(every seconds: Double, _ door: AsyncStream<Happening>.Continuation) async {
        repeat { door.yield(.tick) } while (try? await Task.sleep(for: .milliseconds(Int(seconds * 1000)))) != nil
    }

    // MARK: what happened

    private func note(_ happening: Happening, _ watch: inout Watch) {
        switch happening {
        case .tick:
            let stamp = FileStamp(file)
            if stamp != watch.stamp, !watch.isStopping {
                watch.stamp = stamp
                reload(&watch)
            }
        case .signal(SIGHUP):
            guard !watch.isStopping else { return }
            watch.stamp = FileStamp(file)
            reload(&watch)
        case .signal: stop(&watch)
        case .passEnded(let result): ended(result, &watch)
        }
    }

    private func stop(_ watch: inout Watch) {
        // Told twice. Every write of the ledger is whole, and what was sent without an answer is looked for by the next run.
        guard !watch.isStopping else { _exit(128 + SIGTERM) }
        watch.isStopping = true
        tell(.stopping)
        manager.stopping(needsSeconds: Self.patience)
        watch.brake?.pull()
    }

    private func reload(_ watch: inout Watch) {
        manager.reloading()
        defer { manager.ready(watch.status) }
        do {
            let site = try open()
            guard site.state.path == watch.site.state.path else {
                throw StateError("the cluster's name or the state directory changed", advice: "restart the service for another cluster")
            }
            // A pass under way goes on with what it began with until its next step; then the new file counts.
            watch.successor = site
            watch.brake?.pull()
            watch.schedule.hurry(now: SystemClock().uptime)
            tell(.reloaded(site.fleet))
        } catch {
            tell(.reloadRefused("\(error)"))
        }
    }

    private func ended(_ result: Result<Reconciler.Result, any Error>, _ watch: inout Watch) {
        watch.brake = nil
        guard !watch.isStopping, watch.successor == nil else { return beat(.passCutShort) }
        let (settled, effects): (Bool, Int)
        switch result {
        case .success(let result): (settled, effects) = (result.plan.isSettled, result.effects)
        case .failure: (settled, effects) = (false, 0)
        }
        watch.schedule.passEnded(settled: settled, effects: effects, now: SystemClock().uptime, chance: .random(in: 0...1))
        let next = watch.schedule.next - SystemClock().uptime
        switch result {
        case .success(let result):
            watch.outcome = settled ? "settled" : "not settled"
            tell(.passEnded(result, next: next))
        case .failure(let error):
            watch.outcome = "\(error)"
            tell(.passFailed("\(error)", next: next))
        }
        manager.status(watch.status)
    }

    // MARK: passes

    private func begin(_ watch: inout Watch, _ group: inout TaskGroup<Void>, _ door: AsyncStream<Happening>.Continuation) {
        guard watch.brake == nil, !watch.isStopping, SystemClock().uptime >= watch.schedule.next else { return }
        if let site = watch.successor {
            let old = watch.site.world
            group.addTask { await old.close() }
            (watch.site, watch.successor) = (site, nil)
        }
        let brake = Brake()
        watch.brake = brake
        watch.passes += 1
        let before = watch.site.world.traffic
        beat(.passBegan { [world = watch.site.world] in (world.traffic.api - before.api, world.traffic.ssh - before.ssh) })
        let (site, seconds, name) = (watch.site, max(60, interval), "pass-\(watch.passes)")
        group.addTask {
            do {
                door.yield(.passEnded(.success(try await pass(name, over: site, brake, seconds: seconds))))
            } catch {
                door.yield(.passEnded(.failure(error)))
            }
        }
    }

    /// One pass is bounded, so that a node that cannot be mended keeps nobody from looking at the others again.
    private func pass(_ name: String, over site: Site, _ brake: Brake, seconds: Double) async throws -> Reconciler.Result {
        let ledger = try site.state.ledger(for: site.fleet)
        try site.state.store(ledger)
        let clock = SystemClock()
        let audit = AuditLog(in: site.state, verb: "daemon", run: run, plan: name)
        let reconciler = Reconciler(fleet: site.fleet, clock: clock, isAttended: false) {
            tell(.event($0))
            audit.note($0)
        }
        return try await reconciler.converge(
            site.world, ledger: ledger, memory: audit, approved: nil, deadline: clock.now + seconds, brake: brake)
    }
}

/// All that the loop knows.
struct Watch: Sendable {
    var site: Site
    var schedule: Schedule
    var stamp: FileStamp?
    /// A reading of the file that takes over when the pass under way has ended.
    var successor: Site?
    /// Passes that were begun.
    var passes = 0
    /// Of the pass under way.
    var brake: Brake?
    var isStopping = false
    var outcome = "no pass yet"

    init(site: Site, schedule: Schedule, stamp: FileStamp?) {
        (self.site, self.schedule, self.stamp) = (site, schedule, stamp)
    }

    var isDone: Bool { isStopping && brake == nil }
    var status: String { "fleet \(site.fleet.cluster.name), \(site.fleet.nodes.count) nodes: \(outcome)" }
}

/// What changes when a file is written or replaced.
struct FileStamp: Sendable, Equatable {
    private let words: [Int64]

    /// Nil when there is no file.
    init?(_ file: String) {
        var facts = stat()
        guard stat(file, &facts) == 0 else { return nil }
        words = [Int64(facts.st_ino), Int64(facts.st_size), Int64(facts.st_mtim.tv_sec), Int64(facts.st_mtim.tv_nsec)]
    }
}
