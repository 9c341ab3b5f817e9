package import FleetCore
import K3s
import Reconciler
import Synchronization

/// One run of a scenario under faults: the program is started again until it is done, then it must stay done.
package struct Trial: Sendable {
    package var scenario: Scenario
    /// Where the scenario starts from, and where a run without faults ended; made once by `Stage`.
    package var start: WorldState
    var calm: Stage.Ending?
    package var seed: UInt64
    package var faults: [Fault]
    package var disabledRules: Set<SafetyRule> = []
    package var ignoresLock = false
    /// Seconds until the service manager starts a program again that has died.
    package var restartsAfter = Trial.pause
    /// As a daemon, whose breaker holds; the operator comes when it has opened.
    package var isUnattended = false
    /// Keeps a readable log.
    package var isVerbose = false

    package init(_ stage: Stage, seed: UInt64, faults: [Fault]) {
        (scenario, start, calm) = (stage.scenario, stage.start, stage.ending)
        (self.seed, self.faults) = (seed, faults)
    }

    /// Seconds until the operator, or the timer, starts the program again: longer than any back-off.
    package static let pause = 310.0
    static let deadline = 900.0

    package func run() -> Verdict {
        var state = start
        state.random = Randomness(seed: seed)
        state.ignoresLock = ignoresLock
        if isVerbose { state.log = [] }
        state.faults = faults
        // Whoever starts from here later may be shown what was before.
        state.keepsLists = faults.isEmpty || faults.contains { if case .staleList = $0.kind { true } else { false } }
        scenario.disturbance(&state)
        let world = SimulatedWorld(state, disabledRules: disabledRules)
        var run = Course(scenario: scenario, world: world, restartsAfter: restartsAfter)
        if isUnattended { run.isAttended = false }
        // While something is down no pass can be the last.
        let down = faults.reduce(0.0) { $0 + $1.kind.downtime }
        run.untilDone(passes: 4 + 2 * faults.count + Int(down / Trial.pause))
        let counts = world.state.withLock { Verdict.Counts(reads: $0.reads.count, saves: $0.saves, asks: $0.asks) }
        if run.isDone { run.staysDone() }
        let end = world.snapshot
        let ending = run.isDone ? Judges.complaints(about: end, of: self) : []
        return Verdict(
            violations: world.violations + run.complaints + ending, passes: run.passes, counts: counts, outcomes: run.outcomes,
            trace: end.trace,
            end: end, log: end.log ?? [])
    }
}

/// The passes of a trial.
struct Course {
    let scenario: Scenario
    let world: SimulatedWorld
    var fleet: DesiredFleet
    var passes = 0
    var outcomes: [Outcome] = []
    var complaints: [String] = []
    var isDone = false
    /// The last pass was cut short.
    private var hasDied = false
    var isAttended: Bool
    let restartsAfter: Double
    /// What earlier passes of the same process looked into; nil where each pass is a process of its own.
    var inspected: Inspected?

    /// What a pass ended with.
    enum Outcome: Sendable {
        case plan(Plan), failed(String)

        var words: String {
            switch self {
            case .plan(let plan): plan.words
            case .failed(let reason): reason
            }
        }
    }

    init(scenario: Scenario, world: SimulatedWorld, restartsAfter: Double = Trial.pause) {
        (self.scenario, self.world, self.restartsAfter) = (scenario, world, restartsAfter)
        (fleet, isAttended) = (scenario.after, scenario.isAttended)
    }

    mutating func untilDone(passes limit: Int) {
        while passes < limit, !isDone {
            let (struck, unawaited) = world.state.withLock { ($0.struck.count, $0.unawaited) }
            let isAsAtLast = fleet == scenario.after
            isDone = pass() && isAsAtLast
            editedFleet(since: struck)
            // A daemon whose file was changed goes on at once.
            let pause = max(hasDied || fleet != scenario.after ? restartsAfter : Trial.pause, untilWindow)
            callTheOperator()
            endTheHold()
            // Who was told a lie, or read away when something happened, may believe that all is done; the next pass knows better.
            // By a clock that was put forward a node that went a moment ago has been silent for long; a machine that boots comes back.
            let isDeceived = world.state.withLock { state in
                // Two ledgers may each name another server as the way in: who looks last puts it right.
                if scenario.hasSeveralServers, state.struck[struck...].contains(where: { $0.kind == .rival }) { return true }
                return state.struck[struck...].contains { fault in
                    fault.kind.misleads || fault.kind.isClockJump || fault.kind.boots || fault.kind.isByHand || state.isBlinding(fault)
                }
            }
            // Nor is a blocked server the last word while it comes up.
            let isServerStarting = world.state.withLock { $0.isServerComing }
            if isDeceived || callsTheDeadAlive || isServerStarting { isDone = false }
            let (isDown, isSurprised) = world.state.withLock { state in
                // In steps, for what comes about by itself does so when it is read: servers first, then their agents.
                for seconds in [min(pause / 3, 20), min(pause / 3, 20), pause - 2 * min(pause / 3, 20)] {
                    state.now += seconds
                    state.settle()
                }
                // What the dead had asked for is not in a ledger whose last write was lost: the next list shows it.
                return (state.isDown, state.hadDamage && state.unawaited > unawaited)
            }
            if isDown || isSurprised { isDone = false }
        }
        if !isDone { complaints.append("liveness: not done after \(passes) passes: \(outcomes.last?.words ?? "")") }
    }

    /// By a clock that was put forward a node whose VM went a moment ago has been missing for long, and is not silent yet.
    private var callsTheDeadAlive: Bool {
        guard case .plan(let plan)? = outcomes.last, world.state.withLock({ $0.struck.contains(where: \.kind.isClockJump) }) else {
            return false
        }
        return plan.items.contains { line in
            guard line.decision.reason?.code == .nodeOutlivesVM else { return false }
            return world.state.withLock { $0.machine(line.node) == nil }
        }
    }

    /// An open breaker waits for the operator, who is then there.
    private mutating func callTheOperator() {
        guard scenario.isAttended, case .plan(let plan)? = outcomes.last else { return }
        let isOpen = plan.items.contains { $0.decision.reason?.isBreaker == true }
        if isOpen { isAttended = true }
    }

    /// An edit takes effect when the operator starts the program with the other file; at last it is the scenario's own.
    private mutating func editedFleet(since struck: Int) {
        fleet = scenario.after
        guard !scenario.edits.isEmpty else { return }
        // The last one counts.
        let new = world.state.withLock { $0.struck[struck...] }
        for fault in new {
            if case .edit(let index) = fault.kind { fleet = scenario.edits[index % scenario.edits.count] }
        }
        if fleet != scenario.after { isDone = false }
    }

    /// Twice more with nothing going wrong: it is still done and has nothing left to do.
    mutating func staysDone() {
        world.state.withLock { state in
            state.faults = []
            for index in state.processes.indices { state.processes[index].diesAtSave = nil }
        }
        for turn in 0..<2 {
            let before = world.state.withLock { $0.effects.count }
            let isStillDone = pass()
            let sent = world.state.withLock { $0.effects[before...].filter { !scenario.retried.contains($0.words) } }
            // What another machine cordoned with its last breath is seen by the next pass.
            let isLeftover = turn == 0 && sent.allSatisfy { $0.kind == .uncordon } && world.state.withLock { $0.hadRival }
            if !isStillDone { complaints.append("liveness: it was done and is no more: \(outcomes.last?.words ?? "")") }
            if !sent.isEmpty, !isLeftover { complaints.append("liveness: effects after the end: \(sent.map(\.words))") }
            world.state.withLock { state in
                state.now += Trial.pause
                state.settle()
            }
        }
    }

    /// One start of the program. True when it ended as the scenario must end.
    mutating func pass() -> Bool {
        passes += 1
        switch scenario.verb {
        case .apply: return apply()
        case .destroy: return destroy()
        }
    }

    private mutating func apply() -> Bool {
        hasDied = false
        guard let process = world.boot(.apply, fleet, approved: scenario.approved, isAttended: isAttended, replacing: scenario.replacing)
        else { return false }
        let ledger = world.state.withLock { $0.ledger(for: fleet) }
        let reconciler = world.reconciler(for: fleet, process, isAttended: isAttended)
        let approved = scenario.approved
        let stopSignal = scenario.edits.isEmpty ? nil : world.stopSignal(of: process.id)
        let inspected = inspected ?? [:]
        let ran = world.run(process) { () async -> (result: Reconciler.Result?, error: String?) in
            do {
                return (
                    try await reconciler.converge(
                        process, ledger: ledger, memory: process, approved: approved, deadline: process.now + Trial.deadline,
                        inspected: inspected, stopSignal: stopSignal),
                    nil
                )
            } catch {
                return (nil, (error as? EffectError)?.message ?? (error as? SimulatedProcess.DiskError)?.text ?? "\(error)")
            }
        }
        let isAlive = process.isAlive
        hasDied = !isAlive
        process.end()
        guard let ran else {
            complaints.append("liveness: the run hangs")
            return false
        }
        if self.inspected != nil { self.inspected = ran.result?.inspected }
        outcomes.append(ran.result.map { .plan($0.plan) } ?? .failed("failed: \(ran.error ?? "")"))
        guard isAlive, let result = ran.result else { return false }
        return isEnd(result.plan)
    }

    private func isEnd(_ plan: Plan) -> Bool {
        switch scenario.ending {
        case .settled:
            // What another machine made, for a file that was another one then, is not in this ledger and left to the operator.
            let (isIgnorant, taken) = world.state.withLock { ($0.hidesFromTheLedger, $0.taken) }
            return plan.items.allSatisfy { line in
                if let isEnd = isEnd(line, beside: taken) { return isEnd }
                let isUnknown = isIgnorant && !scenario.wants(line.node) && line.decision.reason?.code == .notInLedger
                return isUnknown || line.decision.isSettled
            }
        case .destroyed: return false
        case .blocked(let codes): return plan.items.allSatisfy { isEnd($0, codes) }
        }
    }

    /// What bears somebody else's VM is blocked, and may hold others up; nil where that says nothing of it.
    private func isEnd(_ line: Plan.Item, beside taken: Set<String>) -> Bool? {
        guard !taken.isEmpty, let code = line.decision.reason?.code else { return nil }
        if taken.contains(line.node) { return line.decision.isBlocked && code == .vmForeign }
        return [.limitHeld, .limitReached, .upgradeStopped].contains(code) ? true : nil
    }

    /// A VM that vanished, or that a list hid from the breaker, was created again as the file asks, and what hindered it went with it.
    private func isEnd(_ line: Plan.Item, _ codes: [String: Set<Reason.Code>]) -> Bool {
        let (someAreNew, hadDamage, taken) = world.state.withLock { ($0.wasMisled, $0.hadDamage, $0.taken) }
        if let isEnd = isEnd(line, beside: taken) { return isEnd }
        let code = line.decision.reason?.code
        // A node that is down and may not be mended keeps the place of others.
        if case .wait = line.decision, code == .limitReached, scenario.approved != nil { return someAreNew }
        guard line.decision.isBlocked, let code else { return line.decision.isSettled && (someAreNew || codes[line.node] == nil) }
        return switch code {
        case .vmsVanished where !scenario.isAttended: true
        // How a server was set up last is not known then, and setting it up again might restart it.
        case .quorumAtRisk where hadDamage: true
        case .actionRefused where someAreNew && scenario.isShortOfQuota: true
        case .actionNotApproved where scenario.approved != nil: true
        // Another one came first, or not, before the upgrade stopped.
        case .upgradeStopped where codes.values.contains([.upgradeFailed]), .limitHeld where codes.values.contains([.upgradeFailed]):
            codes[line.node] == nil
        case .limitHeld where someAreNew, .controlPlaneBlocked where someAreNew: true
        default: codes[line.node, default: [.controlPlaneBlocked]].contains(code)
        }
    }

    private mutating func destroy() -> Bool {
        guard let process = world.boot(.destroy, fleet) else { return false }
        let destruction = Destruction(of: fleet, in: process, memory: process, clock: process, tell: { _ in })
        let left = world.run(process) { () async -> [String]? in
            do {
                return try await destruction.remove(destruction.owned().map(\.name))
            } catch {
                return nil
            }
        }
        let isAlive = process.isAlive
        process.end()
        outcomes.append(.failed("destroy: \(left.map { "left \($0 ?? ["?"])" } ?? "hangs")"))
        guard isAlive, left == .some(.some([])) else { return false }
        world.state.withLock { state in
            state.report(.destroyed(tag: fleet.cluster.tag))
            state.disk = nil
        }
        return true
    }
}

extension Plan {
    /// One line per node, for the reader of a failure.
    package var words: String {
        items.map { line in
            switch line.decision {
            case .settled: "\(line.node): settled"
            case .act(let action, let reason): "\(line.node): \(action.words) (\(reason.text))"
            case .wait(let wait): "\(line.node): waits for \(wait.reason.text)"
            case .blocked(let reason): "\(line.node): blocked: \(reason.text)"
            case .reported(let reason): "\(line.node): \(reason.text)"
            }
        }.joined(separator: "\n")
    }
}
