package import FleetCore
import K3s

/// The loop: read, decide, act, remember.
///
/// It is driven by events, not by passes: when one node's step or read ends, that node goes on at once, so the wall time of a
/// cold apply is its critical path. All state is in one value that only this loop touches; children of the task group return events.
package struct Reconciler: Sendable {
    package struct Result: Sendable {
        package var plan: Plan
        package var observed: Observation
        package var ledger: Ledger
        /// Actions that were sent.
        package var effects: Int
        package var ranOutOfTime: Bool
        package var inspected: Inspected = [:]
        /// Nodes in trouble.
        package var troubled: [String: Trouble] = [:]
        /// An operator held the fleet at its end.
        package var pause: FleetPause?
    }

    /// Nil allows everything the planner finds; else only these steps for these nodes (an approved plan).
    package typealias Approval = [String: Set<StepKind>]

    let fleet: DesiredFleet
    let clock: any WallClock
    let isAttended: Bool
    /// An operator asked for it outside of the maintenance window.
    package var ignoresWindow = false
    /// Nodes that an operator wants to be made again; each with the time of the wish, seconds since 1970.
    package var replacing: [String: Double] = [:]
    let tell: @Sendable (Event) -> Void
    let disabledRules: Set<SafetyRule>

    /// `isAttended`: an operator observed the plan and asked for it; a daemon works under one more rule. `disabledRules` is for the proof by simulation
    /// alone: safety rules that are taken away to see that somebody notices.
    package init(
        fleet: DesiredFleet, clock: any WallClock, isAttended: Bool = true, disabledRules: Set<SafetyRule> = [],
        tell: @escaping @Sendable (Event) -> Void
    ) {
        (self.fleet, self.clock, self.isAttended, self.disabledRules, self.tell) = (fleet, clock, isAttended, disabledRules, tell)
    }

    /// Reads once at everything the plan depends on, and decides. Reads only. `inspects`: also what each node costs a request for.
    package func observe(_ world: any WorldReader, ledger: Ledger, inspects: Bool = true) async throws(EffectError) -> Result {
        var run = Run(fleet: fleet, ledger: ledger, repeats: false, disabledRules: disabledRules)
        run.facts.credentials = world.credentials()
        (run.facts.ignoresWindow, run.facts.replacing) = (ignoresWindow, replacing)
        if !inspects { run.inspections = Inspections([:], isOff: true) }
        let observer = Observer(world: world)
        await withTaskGroup(of: LoopEvent.self) { group in
            repeat {
                run.decide(at: Moment(clock))
                for (target, vm) in run.readsDue(at: Moment(clock)) {
                    group.addTask { .observed(target, await observer.read(target, vm: vm)) }
                }
                guard let event = await group.next() else { return }
                run.note(event, at: Moment(clock), tell: tell)
            } while true
        }
        if let failure = run.failure { throw failure }
        return run.result()
    }

    /// Acts until nothing is left to do, everything left is blocked, `deadline` (seconds since 1970) has passed, or the stop signal is set.
    /// `inspected`, `troubled`: by earlier runs of this process.
    package func converge(
        _ world: any WorldWriter, ledger: Ledger, memory: any Memory, approved: Approval?, deadline: Double?, inspected: Inspected = [:],
        troubled: [String: Trouble] = [:], stopSignal: StopSignal? = nil
    ) async throws -> Result {
        var run = Run(
            fleet: fleet, ledger: ledger, repeats: true, inspected: inspected, troubled: troubled, isAttended: isAttended,
            disabledRules: disabledRules)
        (run.facts.approved, run.facts.ignoresWindow, run.facts.replacing) = (approved, ignoresWindow, replacing)
        run.facts.credentials = world.credentials()
        let end = deadline.map { clock.uptime + ($0 - clock.now) }
        let observer = Observer(world: world)
        let fence = Fence(clock: clock)
        try await withThrowingTaskGroup(of: LoopEvent.self) { group in
            if let stopSignal { wake(on: stopSignal, &group) }
            while true {
                let moment = Moment(clock)
                let uptime = moment.uptime
                run.turns(uptime: uptime)
                run.note(memory.pause())
                if run.mayDiffer(at: moment) { run.decide(at: moment) }
                let reads = run.readsDue(at: moment)
                if let end, uptime >= end { run.ranOutOfTime = true }
                if stopSignal?.isSet == true { run.wasStopped = true }
                for (target, vm) in reads { group.addTask { .observed(target, await observer.read(target, vm: vm)) } }
                if let vm = run.leaseDue(uptime: uptime) { askForLease(world, vm, run.lease.claim(uptime), &group) }
                fence.hold(until: run.openUntil(uptime: uptime), generation: run.generation)
                for action in run.actionsDue(uptime: uptime) {
                    try start(action, &run, memory, Performer(world: world, ticket: fence.ticket(under: run.token(for: action))), &group)
                }
                run.report(tell)
                if run.isIdle { break }
                if let pause = run.pause(moment, deadline: end) { sleep(pause, &run, &group) }
                run.waits(from: clock.uptime)
                guard let event = try await group.next() else { break }
                run.note(event, at: Moment(clock), tell: tell)
                if case .did = event { try memory.save(run.facts.ledger) }
            }
            group.cancelAll()
        }
        if run.lease.mustBeReleased, let vm = run.server { await release(world, vm) }
        let moment = Moment(clock)
        run.decide(at: moment, isLast: true)
        try memory.save(run.facts.ledger)
        if let failure = run.failure { throw failure }
        return run.result()
    }

    /// When that fails, the hold ends by itself.
    private func release(_ world: any WorldWriter, _ vm: ObservedVM) async {
        do throws(EffectError) {
            try await world.releaseLease(on: vm)
            tell(.leaseEnded)
        } catch {}
    }

    private func wake(on stopSignal: StopSignal, _ group: inout ThrowingTaskGroup<LoopEvent, any Error>) {
        group.addTask {
            await stopSignal.wait()
            return .woke(nil)
        }
    }

    private func sleep(_ seconds: Double, _ run: inout Run, _ group: inout ThrowingTaskGroup<LoopEvent, any Error>) {
        let clock = clock
        let end = clock.uptime + seconds
        run.sleepers.insert(end, at: 0)
        group.addTask {
            try? await clock.sleep(seconds: seconds)
            return .woke(end)
        }
    }

    private func askForLease(
        _ world: any WorldWriter, _ vm: ObservedVM, _ claim: LeaseClaim, _ group: inout ThrowingTaskGroup<LoopEvent, any Error>
    ) {
        let clock = clock
        group.addTask {
            do throws(EffectError) {
                let answer = try await world.holdLease(on: vm, claim)
                return .leased(.success(answer), uptime: clock.uptime)
            } catch {
                return .leased(.failure(error), uptime: clock.uptime)
            }
        }
    }

    private func start(
        _ action: Action, _ run: inout Run, _ memory: any Memory, _ performer: Performer,
        _ group: inout ThrowingTaskGroup<LoopEvent, any Error>
    ) throws {
        let moment = Moment(clock)
        let facts = run.facts(at: moment)
        run.begin(action, at: moment)
        try memory.save(run.facts.ledger)
        if case .act(_, let because)? = run.plan.items.first(where: { $0.node == action.node })?.decision {
            try memory.intend(action, because: because, facts: facts)
            tell(.actionStarted(action, because))
        }
        let clock = clock
        group.addTask {
            let began = clock.uptime
            do throws(EffectError) {
                return .did(action, .success(try await performer.perform(action, facts: facts)), seconds: clock.uptime - began)
            } catch {
                return .did(action, .failure(error), seconds: clock.uptime - began)
            }
        }
    }
}

/// What a child of the loop comes back with.
indirect enum LoopEvent: Sendable {
    case observed(ReadTarget, Observer.Observed)
    case did(Action, Swift.Result<StepOutcome, EffectError>, seconds: Double)
    case leased(Swift.Result<LeaseAnswer, EffectError>, uptime: Double)
    /// A sleeper, at the time for which it was sent to sleep; nil for the stopSignal.
    case woke(Double?)
}
