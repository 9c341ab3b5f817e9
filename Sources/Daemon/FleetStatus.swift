import FleetCore
import Live
import Reconciler

/// Everything that the endpoint shows: a pure value, made from notices and pulses with the time as a parameter.
struct FleetStatus: Sendable {
    private(set) var fleet: DesiredFleet?
    /// Number of fleet files that took effect since the start. An unchanged file does not count.
    private(set) var generation = 0
    /// The generation of the last pass that ended.
    private(set) var observedGeneration = 0
    /// Why the newest fleet file was refused; nil when it is in force.
    private(set) var refusal: String?
    private(set) var isStopping = false
    /// An operator holds the fleet.
    private(set) var pause: FleetPause?
    /// The result of the last pass that ended.
    private(set) var lastResult: LastResult?
    /// Why the last pass failed; nil when it ended.
    private(set) var failure: String?
    private(set) var lastConverged: Double?
    private(set) var conditions: [Condition] = []
    private(set) var counts = Counts()
    /// The last pulse of the loop, and the start of the running pass, in seconds of the monotonic clock.
    private(set) var lastSign: Double?
    private var passBegan: Double?
    /// The traffic of the last pass that was started.
    private var traffic: (@Sendable () -> Traffic)?
    private(set) var queue = WorkQueue()
    /// When the cluster's Lease that we hold expires, on the monotonic clock.
    private var leasedUntil: Double?
    /// A step was started that no pass has observed the end of.
    private var isChanging = false

    struct Effect: Hashable, Sendable {
        var kind: StepKind
        var result: AuditRecord.Outcome
    }

    enum PassResult: String, Sendable, CaseIterable { case success, error, requeue, requeueAfter = "requeue_after" }

    /// The counters.
    struct Counts: Sendable {
        var passes: [PassResult: Int] = [:]
        /// Passes that failed and need the operator, and passes that timed out.
        var (terminal, timeouts) = (0, 0)
        var effects: [Effect: Int] = [:]
        /// The traffic of the passes that ended.
        var traffic = Traffic()
        var seconds = Histogram()
    }

    var isPassUnderWay: Bool { passBegan != nil }

    /// Everything sent so far, the running pass included, and the current number of sessions.
    var sent: Traffic {
        guard let more = traffic?() else { return counts.traffic }
        var sent = isPassUnderWay ? counts.traffic.adding(more) : counts.traffic
        sent.sessions = more.sessions
        return sent
    }

    /// Whether the loop runs: it ticks every five seconds at least.
    func isAlive(uptime: Double) -> Bool { lastSign.map { uptime - $0 < 30 } ?? false }

    /// Whether we hold the Lease now.
    func isLeader(uptime: Double) -> Bool { leasedUntil.map { uptime < $0 } ?? false }

    /// Why `/readyz` fails; nil once a pass has ended over the fleet file in force.
    var unreadiness: String? {
        if isStopping { return "stopping" }
        return generation > 0 && isObserved ? nil : Self.notObserved
    }

    // MARK: input

    mutating func note(_ notice: Notice, now: Double, uptime: Double) {
        switch notice {
        case .started(let fleet, _): take(fleet)
        case .reloaded(let fleet): take(fleet)
        case .reloadRefused(let reason): refusal = reason
        case .stopping: isStopping = true
        case .paused(let pause): self.pause = pause
        case .resumed: pause = nil
        case .event(let event): note(event, uptime)
        case .passFailed(let reason, let asksOperator, _):
            failure = reason
            if asksOperator { counts.terminal += 1 }
            endPass(.error, uptime)
        case .passEnded(let result, _):
            guard let fleet else { return }
            (failure, isChanging, observedGeneration) = (nil, false, generation)
            lastResult = LastResult(result, fleet: fleet, time: now)
            if result.plan.isSettled { lastConverged = now }
            if result.ranOutOfTime { counts.timeouts += 1 }
            endPass(result.plan.isSettled ? .success : .requeueAfter, uptime, nodes: Set(result.plan.items.map(\.node)))
        }
        judge(now)
    }

    mutating func beat(_ pulse: Pulse, now: Double, uptime: Double) {
        switch pulse {
        case .alive:
            lastSign = uptime
            return
        case .passBegan(let traffic): (passBegan, self.traffic) = (uptime, traffic)
        case .passCutShort: endPass(.requeue, uptime)
        }
        judge(now)
    }

    private mutating func take(_ fleet: DesiredFleet) {
        refusal = nil
        guard fleet != self.fleet else { return }
        self.fleet = fleet
        generation += 1
    }

    private mutating func endPass(_ result: PassResult, _ uptime: Double, nodes: Set<String>? = nil) {
        guard let began = passBegan else { return }
        counts.traffic = sent
        passBegan = nil
        queue.endPass(nodes: nodes)
        counts.passes[result, default: 0] += 1
        counts.seconds.observe(uptime - began)
    }

    private mutating func note(_ event: Event, _ uptime: Double) {
        switch event {
        case .actionStarted(let action, _):
            queue.begin(action, uptime)
            isChanging = true
        case .actionsQueued(let actions): queue.wait(actions, uptime)
        case .actionFinished(let action, _): ended(action.node, .done, uptime)
        case .actionFailed(let action, _, _): ended(action.node, .failed, uptime)
        case .outcomeUnknown(let action, _): ended(action.node, .unknown, uptime)
        // Without a running effect on the node this is a decision of the plan, not an outcome.
        case .blocked(let node, _): ended(node, .refused, uptime)
        case .leaseTaken(let until): leasedUntil = until
        case .leaseEnded: leasedUntil = nil
        case .readFailed, .waiting, .nodeSettled, .ledgerRemarked: break
        }
    }

    private mutating func ended(_ node: String, _ result: AuditRecord.Outcome, _ uptime: Double) {
        guard let kind = queue.end(node, isDone: result == .done, uptime) else { return }
        counts.effects[Effect(kind: kind, result: result), default: 0] += 1
    }
}

// MARK: output

extension FleetStatus {
    /// The response of `/status`.
    var document: StatusDocument {
        StatusDocument(cluster: fleet?.cluster.name ?? "", lastResult: lastResult, conditions: conditions, pause: pause)
    }

    private mutating func judge(_ now: Double) {
        conditions = Condition.merged(
            [settled, progressing, blocked, breakerOpen, degraded], over: conditions, time: AuditRecord.time(now),
            generation: observedGeneration)
    }

    private static let notObserved = "no pass has ended since the fleet file was read"
    private static let underWay = "steps were started and no pass has observed their end yet"
    private var isObserved: Bool { observedGeneration == generation }

    private var settled: Condition {
        if let failure { return Condition(.settled, .unknown, "PassFailed", failure) }
        if isChanging { return Condition(.settled, .no, "ActionsUnderWay", Self.underWay) }
        guard let lastResult, isObserved else { return Condition(.settled, .unknown, "NotLookedYet", Self.notObserved) }
        return lastResult.settled
    }

    private var progressing: Condition {
        if isStopping { return Condition(.progressing, .no, "Stopping", "nothing new is started") }
        if let pause { return Condition(.progressing, .no, "Paused", pause.words) }
        if let failure { return Condition(.progressing, .no, "PassFailed", failure) }
        if isChanging { return Condition(.progressing, .yes, "ActionsUnderWay", Self.underWay) }
        guard let lastResult, isObserved else { return Condition(.progressing, .yes, "NotLookedYet", Self.notObserved) }
        return lastResult.progressing
    }

    private var blocked: Condition { lastResult?.blocked ?? Condition(.blocked, .unknown, "NotLookedYet", Self.notObserved) }

    private var breakerOpen: Condition { lastResult?.breakerOpen ?? Condition(.breakerOpen, .unknown, "NotLookedYet", Self.notObserved) }

    private var degraded: Condition {
        if let failure { return Condition(.degraded, .yes, "PassFailed", failure) }
        if let refusal { return Condition(.degraded, .yes, "FleetFileRefused", refusal) }
        return lastResult?.degraded ?? Condition(.degraded, .unknown, "NotLookedYet", Self.notObserved)
    }
}
