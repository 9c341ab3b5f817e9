import FleetCore
import K3s

/// All that one run of the loop knows. A value: every change is a method, and none of them waits.
struct Run {
    let fleet: DesiredFleet
    /// False: each look is made once (a plan); true: looks repeat while something waits for them.
    let repeats: Bool
    let lifted: Set<Guard>
    var ledger: Ledger
    var seen = Observation()
    var plan: Plan
    var approved: Reconciler.Approval?
    var acting: [String: Action] = [:]
    var grip = Grip()
    /// Actions stand ready and wait for the Lease.
    private(set) var wantsLease = false
    /// When k3s was last told to start on a node.
    var started: [String: Double] = [:]
    /// When this run sent a `new` whose outcome it does not know.
    var asked: [String: Double] = [:]
    private var hashed: [String: HashedSetup] = [:]
    var isNews = true
    /// A sleeper has woken since the last decision or look.
    var isWoken = false
    private var decidedAt = -Double.infinity
    var looking: Set<Look> = []
    /// When the VMs were last listed, in seconds since 1970.
    var listedAt: Double?
    /// When a look was last finished; like all times of the schedule on the clock that nobody sets.
    var looked: [Look: Double] = [:]
    /// Looks in a row that failed.
    var misses: [Look: Int] = [:]
    /// Looks under way whose answer an action has made old.
    var spoiled: Set<Look> = []
    /// Nodes that the reading of the cluster under way may still see as they were.
    var missedByLook: Set<String> = []
    /// When the earliest sleeper wakes.
    var sleepingUntil: Double?
    var effects = 0
    var ranOutOfTime = false
    /// Somebody pulled the brake.
    var wasStopped = false
    /// The platform refuses us as a whole: nothing can go on.
    var failure: EffectError?
    private var nextLook: [Look: Double] = [:]
    private var told: [String: String] = [:]
    /// What was told of as waiting for its turn.
    private var queued: [Action] = []

    /// An operator saw the plan; see `FleetFacts`.
    private let isAttended: Bool

    init(fleet: DesiredFleet, ledger: Ledger, repeats: Bool, isAttended: Bool = true, lifted: Set<Guard> = []) {
        (self.fleet, self.ledger, self.repeats, self.isAttended, self.lifted) = (fleet, ledger, repeats, isAttended, lifted)
        plan = Plan(cluster: fleet.cluster.name, lines: [])
        serverName = fleet.nodes.first { $0.role == .server }?.name
    }

    func facts(now: Double, uptime: Double = -.infinity) -> FleetFacts {
        var facts = FleetFacts(fleet: fleet, seen: seen, ledger: ledger, now: now, isAttended: isAttended)
        (facts.lifted, facts.hashed, facts.listedAt) = (lifted, hashed, repeats ? listedAt : nil)
        guard uptime.isFinite else { return facts }
        facts.restarting = Set(started.filter { uptime - $0.value < Pacing.staleReadiness }.keys)
        facts.unanswered = Set(asked.filter { uptime - $0.value < Planner.creationGrace }.keys)
        return facts
    }

    /// Whether a decision may differ from the last one. What passes with time alone is judged every now and then.
    func hasNews(uptime: Double) -> Bool { isNews || uptime - decidedAt >= 2 }

    mutating func decide(at moment: Moment) {
        (isNews, isWoken, decidedAt) = (false, false, moment.uptime)
        let now = moment.wall
        Bookkeeping.learn(seen, fleet: fleet, &ledger, listedAt: listedAt, now: now)
        var facts = self.facts(now: now, uptime: moment.uptime)
        hashed = facts.rehashed()
        facts.hashed = hashed
        plan = Planner.plan(facts)
        for index in plan.lines.indices {
            guard !plan.lines[index].decision.isSettled, let block = refusals[plan.lines[index].node] else { continue }
            plan.lines[index].decision = .blocked(block)
        }
        if !refusals.isEmpty { plan.lines = Planner.heldUp(plan.lines, facts) }
        hold(moment.uptime)
        guard let approved, !lifted.contains(.approval) else { return }
        for index in plan.lines.indices {
            let line = plan.lines[index]
            guard case .act(let action, _) = line.decision, approved[line.node]?.contains(action.step) != true else { continue }
            plan.lines[index].decision = .blocked(
                Block("\(action.step.words) is not in the approved plan", advice: "plan again and approve the new plan"))
        }
    }

    /// A cluster that answers is changed only by who holds its Lease; one that does not answer has none to ask for.
    private mutating func hold(_ uptime: Double) {
        wantsLease = repeats && !plan.actions.isEmpty && hasControlPlane && !lifted.contains(.lease)
        guard wantsLease, let block = grip.block(uptime) else { return }
        for index in plan.lines.indices where plan.lines[index].decision.action != nil { plan.lines[index].decision = .blocked(block) }
    }

    /// The server on which the Lease is to be taken or renewed now.
    mutating func leaseDue(uptime: Double) -> ObservedVM? {
        guard !isEnding || !acting.isEmpty, needsGrip, let due = grip.nextAsk(uptime), due <= uptime, hasControlPlane,
            let vm = server
        else {
            return nil
        }
        grip.ask(uptime)
        return vm
    }

    /// Something stands ready to be begun, or was begun under the Lease and is not done.
    private var needsGrip: Bool { wantsLease || (!acting.isEmpty && grip.mustBeReleased) }

    /// Until when a change may leave that is decided now.
    func openUntil(uptime: Double) -> Double {
        guard !lifted.contains(.fence) else { return .infinity }
        return min(uptime + Self.standstill, needsGrip ? grip.heldUntil : .infinity)
    }

    /// Raised when everything that was decided before is void, whatever still waits for its turn.
    var generation = 0
    /// When the loop last came round with something under way.
    private var lastBusyTurn: Double?

    /// Notices that the process stood still: with something under way the loop comes round every few seconds.
    mutating func comesRound(uptime: Double) {
        if let last = lastBusyTurn, uptime - last > Self.standstill { forgetSights() }
        lastBusyTurn = acting.isEmpty ? nil : uptime
    }

    /// Seconds for which a decision is good: the loop comes round more often than that, unless the whole process stands still.
    static let standstill = 20.0
    private static let heartbeat = 8.0

    /// The fleet's server as a VM, if it was seen.
    var server: ObservedVM? { serverName.flatMap { seen.vms?[$0] } }
    private let serverName: String?
    /// As the last observation has it.
    private var hasControlPlane: Bool { facts(now: 0).controlPlane != nil }

    func result() -> Reconciler.Result {
        .init(plan: plan, seen: seen, ledger: ledger, effects: effects, ranOutOfTime: ranOutOfTime)
    }

    // MARK: what to start

    /// The looks that something waits for and whose time has come.
    mutating func looksDue(uptime: Double) -> [(Look, ObservedVM?)] {
        nextLook = [:]
        guard !isEnding else { return [] }
        var wanted: [Look: Double] = seen.vms == nil ? [.vms: 1] : [:]
        for line in plan.lines where acting[line.node] == nil {
            guard case .wait(let wait) = line.decision else { continue }
            wanted[wait.look] = min(wanted[wait.look] ?? wait.interval, wait.interval)
            if repeats, let evidence = wait.evidence { wanted[evidence] = wanted[evidence] ?? Self.evidenceInterval }
        }
        addClusterLooks(&wanted)
        var due: [(Look, ObservedVM?)] = []
        // In an order of their own: a dictionary's differs from process to process, and a seed must replay.
        for look in wanted.keys.sorted() where look != .nothing && !looking.contains(look) {
            let interval = wanted[look]!
            guard repeats || looked[look] == nil else { continue }
            let at = (looked[look] ?? -.infinity) + min(interval * Double(1 << min(max(0, (misses[look] ?? 0) - 1), 5)), 30)
            guard at <= uptime else {
                nextLook[look] = at
                continue
            }
            guard let subject = subject(of: look) else { continue }
            looking.insert(look)
            isWoken = false
            if look == .cluster { missedByLook = [] }
            due.append((look, subject.vm))
        }
        return due
    }

    private static let evidenceInterval = 10.0

    /// The cluster is read first of all when its server may be there: one read tells about every node, so no host need be asked.
    private func addClusterLooks(_ wanted: inout [Look: Double]) {
        guard let vms = seen.vms, let server = serverName, let vm = vms[server], vm.tags.contains(fleet.cluster.tag),
            vm.status == .running || vm.status == .starting, ledger.founder != nil
        else { return }
        guard case .unseen = seen.cluster else { return }
        wanted = wanted.filter { if case .host = $0.key { false } else { true } }
        wanted[.cluster] = 0.5
    }

    private func subject(of look: Look) -> (vm: ObservedVM?, Void)? {
        switch look {
        case .vms: return (nil, ())
        case .host(let name): return seen.vms?[name].map { ($0, ()) }
        case .cluster:
            guard let server = serverName else { return nil }
            return seen.vms?[server].map { ($0, ()) }
        case .nothing: return nil
        }
    }

    /// The actions that may start: one a node, `hostsAtOnce` in all.
    func actionsDue(uptime: Double) -> [Action] {
        guard !isEnding, !wantsLease || grip.isFirm(uptime) else { return [] }
        let free = max(0, fleet.limits.hostsAtOnce - acting.count)
        return Array(plan.actions.filter { acting[$0.node] == nil }.prefix(free))
    }

    // MARK: when to stop

    /// Nothing new is begun any more.
    private var isEnding: Bool { failure != nil || ranOutOfTime || wasStopped }

    /// Nothing runs and nothing that is known to come would change that.
    var isIdle: Bool {
        guard acting.isEmpty, looking.isEmpty || wasStopped, !grip.isAsking || wasStopped else { return false }
        if isEnding { return true }
        return !plan.lines.contains { line in
            switch line.decision {
            case .act, .wait: true
            case .settled, .blocked, .reported: false
            }
        } && seen.vms != nil
    }

    /// Seconds until something is due, or nil when a running child will tell.
    func pause(uptime: Double, deadline: Double?) -> Double? {
        var next = nextLook.values.min() ?? .infinity
        if needsGrip, let due = grip.nextAsk(uptime) { next = min(next, max(due, uptime + 0.5)) }
        for line in plan.lines where acting[line.node] == nil {
            if case .wait(let wait) = line.decision, wait.look == .nothing { next = min(next, uptime + wait.interval) }
        }
        // What runs is not cut at the deadline, so the deadline wakes nobody but an idle loop.
        let isBusy = !acting.isEmpty || !looking.isEmpty || grip.isAsking
        if let deadline, !isBusy { next = min(next, deadline) }
        if !acting.isEmpty { next = min(next, uptime + Self.heartbeat) }
        if !next.isFinite, !isBusy { next = uptime + 1 }
        guard next.isFinite, next < (sleepingUntil ?? .infinity) - 0.001 else { return nil }
        return max(0.01, next - uptime)
    }

    // MARK: what was begun

    /// Written down before the action is sent.
    mutating func begin(_ action: Action, at moment: Moment) {
        Bookkeeping.before(action, &ledger, now: moment.wall)
        acting[action.node] = action
        effects += 1
        switch action {
        case .install: started[action.node] = moment.uptime
        case .createVM: asked[action.node] = moment.uptime
        default: break
        }
    }

    /// Nodes whose action needs the operator in this run.
    var refusals: [String: Block] = [:]

    private mutating func reportQueue(_ tell: (Event) -> Void) {
        let waiting = plan.actions.filter { acting[$0.node] == nil }
        // Node and step tell actions apart; comparing whole configurations at each turn of the loop would cost more.
        guard !waiting.elementsEqual(queued, by: { $0.node == $1.node && $0.step == $1.step }) else { return }
        queued = waiting
        tell(.actionsQueued(waiting))
    }

    /// One event for each change of what a node waits for.
    mutating func report(_ tell: (Event) -> Void) {
        reportQueue(tell)
        for line in plan.lines where acting[line.node] == nil {
            let (text, event): (String, Event?) =
                switch line.decision {
                case .settled: ("settled", .nodeSettled(line.node))
                case .wait(let wait): (wait.reason, .waiting(node: line.node, reason: wait.reason))
                case .blocked(let block): (block.reason, .blocked(node: line.node, reason: block.reason, advice: block.advice))
                case .act, .reported: ("", nil)
                }
            guard let event, told[line.node] != text else { continue }
            told[line.node] = text
            tell(event)
        }
    }
}
