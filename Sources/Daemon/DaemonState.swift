import FleetCore
import Glibc
import K3s
import Live
import Reconciler

/// All that the loop knows: a post for each fleet. Times are seconds on the monotonic clock, which goes on while the machine sleeps; `awake` is one that stands while the
/// machine sleeps, for what must not be late because of that.
struct DaemonState: Sendable {
    var runners: [FleetRunner]
    /// When it was told to stop (`awake`).
    var stoppingSince: Double?

    /// Seconds that a step under way may still take when nothing new is begun: the longest deadline of a step on a host.
    static let patience = 620.0

    var isStopping: Bool { stoppingSince != nil }
    var isBusy: Bool { runners.contains { $0.stopSignal != nil } }
    var isDone: Bool { isStopping && !isBusy }

    /// Every wait of a pass has a deadline: one that is still under way when all of them are over hangs, and only a restart ends it.
    func isSound(awake: Double) -> Bool {
        runners.allSatisfy { $0.stopSignal == nil || awake - $0.began < $0.bound + Self.patience }
    }

    /// More time to stop is asked for while a step is under way and within its deadline.
    func needsTime(awake: Double) -> Bool {
        guard isBusy, let stoppingSince else { return false }
        return awake - stoppingSince < Self.patience
    }

    /// For `systemctl status`: `converged 4/4, next pass in 42 s`.
    func status(uptime: Double, awake: Double) -> String {
        let wanted = runners.reduce(0) { $0 + $1.context.fleet.nodes.count }
        let settled = runners.reduce(0) { $0 + $1.settledCount }
        let isOne = runners.count == 1
        var words = [(isOne ? "" : "\(runners.count) fleets, ") + "converged \(settled)/\(wanted)"]
        for runner in runners { if let trouble = runner.trouble { words.append(isOne ? trouble : "\(runner.name) \(trouble)") } }
        for runner in runners where runner.stopSignal != nil {
            words.append((isOne ? "" : "\(runner.name) ") + "at work for \(Int(max(0, awake - runner.began))) s")
        }
        if isStopping {
            words.append("stopping")
        } else if let next = runners.filter({ $0.stopSignal == nil }).map(\.schedule.next).min() {
            words.append("next pass in \(Int(max(0, next - uptime).rounded())) s")
        }
        return words.joined(separator: ", ")
    }

    static var awake: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// What the loop knows of one fleet.
struct FleetRunner: Sendable {
    let source: FleetSource
    let sinks: [any NoticeSink]
    var context: FleetContext
    var schedule: Schedule
    var stamp: FileStamp?
    /// A reading of the file that takes over when the pass under way has ended.
    var successor: FleetContext?
    /// Passes that were begun.
    var passes = 0
    /// Of the pass under way.
    var stopSignal: StopSignal?
    /// When it was begun (`DaemonState.awake`).
    var began = 0.0
    /// The nodes that the last pass left settled.
    private var settled: Set<String> = []
    /// What the last pass complained of.
    private(set) var trouble: String?

    init(_ source: FleetSource, context: FleetContext, interval: Double, stamp: FileStamp?, sinks: [any NoticeSink]) {
        (self.source, self.context, self.stamp, self.sinks) = (source, context, stamp, sinks)
        schedule = Schedule(interval: interval)
    }

    var name: String { context.fleet.cluster.name }
    var settledCount: Int { context.fleet.nodes.count { settled.contains($0.name) } }
    /// Seconds after which a pass begins nothing any more, so that a node that cannot be mended keeps nobody from reading at the others
    /// again.
    var bound: Double { max(60, schedule.interval) }

    func tell(_ notice: Notice) { for sink in sinks { sink.note(notice) } }
    func beat(_ pulse: Pulse) { for sink in sinks { sink.beat(pulse) } }

    /// Only who holds the fleet's lock may.
    func open() throws { for sink in sinks { try sink.open(in: context.state) } }
    func close() { for sink in sinks { sink.close() } }

    mutating func passEnded(_ result: Result<Reconciler.Result, any Error>, uptime: Double, chance: Double) {
        switch result {
        case .success(let result):
            settled = Set(result.plan.items.filter(\.decision.isSettled).map(\.node))
            trouble = result.plan.isSettled ? nil : "not settled"
            schedule.passEnded(settled: result.plan.isSettled, effects: result.effects, now: uptime, chance: chance)
        case .failure(let error):
            trouble = "failed: \(error)"
            schedule.passEnded(settled: false, effects: 0, now: uptime, chance: chance)
        }
    }
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
