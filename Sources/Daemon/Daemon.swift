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
        var watch = try open()
        let locks = try watch.posts.map { Held(try FleetLock(in: $0.site.state, verb: "daemon")) }
        do { for post in watch.posts { try post.open() } } catch {
            for post in watch.posts { post.close() }
            throw error
        }
        let (inbox, door) = AsyncStream<LoopEvent>.makeStream()
        let ears = listen { door.yield(.signal($0)) }
        manager.ready(status(watch))
        for post in watch.posts { post.tell(.started(post.site.fleet, run: run)) }
        await withTaskGroup(of: Void.self) { group in
            for sink in watch.posts.flatMap(\.sinks) { group.addTask { await sink.serve() } }
            await keep(&watch, inbox, door)
            for post in watch.posts { post.close() }
        }
        for post in watch.posts { await post.site.close() }
        withExtendedLifetime((ears, locks)) {}
    }

    /// The loop.
    private func keep(_ watch: inout Watch, _ inbox: AsyncStream<LoopEvent>, _ door: AsyncStream<LoopEvent>.Continuation) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Self.tick(every: pulse, door) }
            for await happening in inbox {
                for post in watch.posts { post.beat(.alive) }
                note(happening, &watch)
                if watch.isDone { break }
                for index in watch.posts.indices { begin(index, &watch, &group, door) }
                let awake = Watch.awake
                manager.pulse(
                    status(watch), isSound: watch.isSound(awake: awake),
                    needsSeconds: watch.needsTime(awake: awake) ? Self.stretch : nil)
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
    private func open() throws(Unusable) -> Watch {
        var posts: [Post] = []
        var problems: [String] = []
        for source in sources {
            let stamp = FileStamp(source.file)
            do {
                let site = try source.open()
                if let other = posts.first(where: { $0.site.state.path == site.state.path }) {
                    problems.append("\(source.file): the cluster \(site.fleet.cluster.name) is kept from \(other.source.file) already")
                }
                posts.append(Post(source, site: site, interval: interval, stamp: stamp, sinks: sinks(site.fleet)))
            } catch {
                problems.append("\(source.file): \(error)")
            }
        }
        guard problems.isEmpty else { throw Unusable(reason: problems.joined(separator: "\n")) }
        return Watch(posts: posts)
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

    private func status(_ watch: Watch) -> String { watch.status(uptime: SystemClock().uptime, awake: Watch.awake) }

    // MARK: what happened

    private func note(_ happening: LoopEvent, _ watch: inout Watch) {
        switch happening {
        case .tick:
            let changed = watch.posts.indices.filter { FileStamp(watch.posts[$0].source.file) != watch.posts[$0].stamp }
            if !changed.isEmpty { reload(changed, &watch) }
        case .signal(SIGHUP): reload(Array(watch.posts.indices), &watch)
        case .signal: stop(&watch)
        case .passEnded(let index, let result): ended(result, &watch.posts[index], isStopping: watch.isStopping)
        }
    }

    private func stop(_ watch: inout Watch) {
        // Told twice. Every write of the ledger is whole, and what was sent without an answer is read for by the next run.
        guard !watch.isStopping else { _exit(128 + SIGTERM) }
        watch.stoppingSince = Watch.awake
        manager.stopping()
        for post in watch.posts {
            post.stopSignal?.set()
            post.tell(.stopping)
        }
    }

    private func reload(_ indices: [Int], _ watch: inout Watch) {
        guard !watch.isStopping else { return }
        manager.reloading()
        for index in indices { reload(&watch.posts[index]) }
        manager.ready(status(watch))
    }

    private func reload(_ post: inout Post) {
        post.stamp = FileStamp(post.source.file)
        do {
            let site = try post.source.open()
            guard site.state.path == post.site.state.path else {
                throw StateError("the cluster's name or the state directory changed", advice: "restart the service for another cluster")
            }
            // A pass under way goes on with what it began with until its next step; then the new file counts.
            post.successor = site
            post.stopSignal?.set()
            post.schedule.hurry(now: SystemClock().uptime)
            post.tell(.reloaded(site.fleet))
        } catch {
            post.tell(.reloadRefused("\(error)"))
        }
    }

    private func ended(_ result: Result<Reconciler.Result, any Error>, _ post: inout Post, isStopping: Bool) {
        post.stopSignal = nil
        guard !isStopping, post.successor == nil else { return post.beat(.passCutShort) }
        post.passEnded(result, uptime: SystemClock().uptime, chance: .random(in: 0...1))
        let next = post.schedule.next - SystemClock().uptime
        switch result {
        case .success(let result): post.tell(.passEnded(result, next: next))
        case .failure(let error): post.tell(.passFailed("\(error)", asksOperator: Self.asksOperator(error), next: next))
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

    private func begin(_ index: Int, _ watch: inout Watch, _ group: inout TaskGroup<Void>, _ door: AsyncStream<LoopEvent>.Continuation) {
        guard watch.posts[index].stopSignal == nil, !watch.isStopping, SystemClock().uptime >= watch.posts[index].schedule.next else {
            return
        }
        if let site = watch.posts[index].successor {
            let old = watch.posts[index].site
            group.addTask { await old.close() }
            (watch.posts[index].site, watch.posts[index].successor) = (site, nil)
        }
        let stopSignal = StopSignal()
        (watch.posts[index].stopSignal, watch.posts[index].began) = (stopSignal, Watch.awake)
        watch.posts[index].passes += 1
        let post = watch.posts[index]
        let before = post.site.traffic()
        post.beat(.passBegan { [traffic = post.site.traffic] in traffic().since(before) })
        group.addTask {
            do {
                door.yield(.passEnded(index, .success(try await pass(of: post, stopSignal))))
            } catch {
                door.yield(.passEnded(index, .failure(error)))
            }
        }
    }

    private func pass(of post: Post, _ stopSignal: StopSignal) async throws -> Reconciler.Result {
        let site = post.site
        let ledger = try site.state.ledger(for: site.fleet) { post.tell(.event(.ledgerRemarked($0))) }
        try site.state.store(ledger)
        let clock = SystemClock()
        let audit = AuditLog(in: site.state, verb: "daemon", run: run, plan: "pass-\(post.passes)")
        let reconciler = Reconciler(fleet: site.fleet, clock: clock, isAttended: false) {
            post.tell(.event($0))
            audit.note($0)
        }
        return try await reconciler.converge(
            site.world, ledger: ledger, memory: audit, approved: nil, deadline: clock.now + post.bound, stopSignal: stopSignal)
    }
}
