import FleetCore
import Glibc
import K3s
import Live
import Reconciler

/// The loop's state for one fleet: its context, its schedule and the pass that is running.
struct FleetRunner: Sendable {
    let source: FleetSource
    let sinks: [any NoticeSink]
    var context: FleetContext
    var schedule: Schedule
    var stamp: FileStamp?
    /// The context of a newer fleet file. It replaces `context` when the running pass has ended.
    var successor: FleetContext?
    /// Number of passes started.
    var passes = 0
    /// The stop signal of the running pass; nil between passes.
    var stopSignal: StopSignal?
    /// When the running pass was started (`DaemonState.awake`).
    var began = 0.0
    /// The nodes that were settled at the end of the last pass.
    private var settled: Set<String> = []
    /// What the passes so far looked into.
    private(set) var inspected: Inspected = [:]
    /// Since when nodes are waited for in vain.
    private(set) var troubled: [String: Trouble] = [:]
    /// The operator's hold, as it was last read.
    private(set) var pause: FleetPause?
    /// The file of nodes to be made again, as it was last seen.
    private var requests: FileStamp?
    /// Why the last pass did not end settled.
    private(set) var trouble: String?

    init(_ source: FleetSource, context: FleetContext, interval: Double, stamp: FileStamp?, sinks: [any NoticeSink]) {
        (self.source, self.context, self.stamp, self.sinks) = (source, context, stamp, sinks)
        schedule = Schedule(interval: interval)
    }

    var name: String { context.fleet.cluster.name }
    var settledCount: Int { context.fleet.nodes.count { settled.contains($0.name) } }
    /// Seconds after which a pass starts nothing new, so that one node that cannot be repaired does not delay the next pass. Long enough to see that
    /// a lease which nobody renews is over.
    var bound: Double { max(150, schedule.interval) }

    func send(_ notice: Notice) { for sink in sinks { sink.note(notice) } }
    func beat(_ pulse: Pulse) { for sink in sinks { sink.beat(pulse) } }

    /// Requires the fleet's lock.
    func open() throws { for sink in sinks { try sink.open(in: context.state) } }
    func close() { for sink in sinks { sink.close() } }

    /// What operators leave in the state directory.
    mutating func readOperatorFiles(uptime: Double) {
        notePause(uptime: uptime)
        noteRequests(uptime: uptime)
    }

    /// Reads the operator's hold, and tells of a change. What was put off is done at once when it ends.
    private mutating func notePause(uptime: Double) {
        let before = pause
        pause = context.state.pause()
        guard pause != before else { return }
        if let pause { return send(.paused(pause)) }
        schedule.hurry(now: uptime)
        send(.resumed)
    }

    /// A request to make nodes again is served at once.
    private mutating func noteRequests(uptime: Double) {
        let stamp = FileStamp(context.state.replaceFile)
        guard stamp != requests else { return }
        requests = stamp
        if stamp != nil { schedule.hurry(now: uptime) }
    }

    /// `now`: seconds since 1970.
    mutating func passEnded(
        _ result: Result<Reconciler.Result, any Error>, uptime: Double, chance: Double, now: Double = SystemClock().now
    ) {
        switch result {
        case .success(let result):
            (inspected, troubled) = (result.inspected, result.troubled)
            // One that stays is found to be begun by the next pass.
            try? context.state.forgetReplacements(begunIn: result.ledger, fleet: context.fleet)
            settled = Set(result.plan.items.filter(\.decision.isSettled).map(\.node))
            trouble = result.plan.isSettled ? nil : result.plan.isDeferred ? "deferred to the maintenance window" : "not settled"
            schedule.passEnded(
                settled: result.plan.isSettled || result.plan.isDeferred, effects: result.effects, now: uptime, chance: chance,
                opening: result.plan.deferral.map { $0.opening.at - now })
        case .failure(let error):
            // Nobody has looked since.
            (trouble, troubled) = ("failed: \(error)", [:])
            schedule.passEnded(settled: false, effects: 0, now: uptime, chance: chance)
        }
    }
}

/// Identifies the content of a file: it changes when the file is written or replaced.
struct FileStamp: Sendable, Equatable {
    private let words: [Int64]

    /// Nil when there is no file.
    init?(_ file: String) {
        var facts = stat()
        guard stat(file, &facts) == 0 else { return nil }
        words = [Int64(facts.st_ino), Int64(facts.st_size), Int64(facts.st_mtim.tv_sec), Int64(facts.st_mtim.tv_nsec)]
    }
}
