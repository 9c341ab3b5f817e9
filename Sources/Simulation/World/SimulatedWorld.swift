package import FleetCore
package import Reconciler
import Synchronization

/// A world that lives in this process: no threads of its own, no wall time. The thread that calls `run` does everything, and when nothing
/// is ready the virtual clock jumps to the task that wakes next. The same seed gives the same trace.
package final class SimulatedWorld: Sendable {
    package let state: JudgedState
    private let disabledRules: Set<SafetyRule>
    private let queue: RunQueue
    /// By process: each has a thread of its own, so that it can be paused as a whole.
    private let threads: Mutex<[SingleThread]>
    private let brakes = Mutex<[Int: StopSignal]>([:])

    package init(_ state: WorldState, disabledRules: Set<SafetyRule> = []) {
        self.state = JudgedState(state)
        self.disabledRules = disabledRules
        let queue = RunQueue()
        self.queue = queue
        threads = Mutex(state.processes.map { _ in SingleThread(in: queue) })
    }

    /// What the oracles complained of.
    package var violations: [String] { state.complaints }

    /// A copy to start other worlds from.
    package var snapshot: WorldState {
        state.withLock { $0 }
    }

    /// Runs `body` as `process` to its end, and whatever else has begun meanwhile. Nil when nothing is left that could end it: it hangs.
    package func run<T: Sendable>(_ process: SimulatedProcess, _ body: @escaping @Sendable () async -> T) -> T? {
        let result = Mutex<T?>(nil)
        let task = Task(executorPreference: process.thread) {
            let value = await body()
            result.withLock { $0 = value }
        }
        repeat { queue.drain() } while goOn()
        task.cancel()
        return result.withLock { $0 }
    }

    /// Forgets the past, and nothing that is in the world.
    func beginTrial() {
        state.withLock { $0.beginTrial() }
        threads.withLock { $0 = [] }
    }

    /// Lets the clock jump to what is next: an errand that arrives, a sleeper that wakes, a pause that ends. False when nothing is.
    private func goOn() -> Bool {
        switch state.withLock({ $0.goOn() }) {
        case .nothing: return false
        case .thawed(let process): threads.withLock { $0[process] }.thaw()
        case .arrived(let errand, let process): follow(errand, process)
        case .woke(let sleeper): sleeper.continuation.resume()
        }
        return true
    }

    /// What an arrival means for the process that sent it.
    private func follow(_ errand: Errand, _ process: Int) {
        switch errand {
        case .effect(_, _, .crashAfter): end(process)
        case .effect(_, _, .crashAndDamage):
            end(process)
            state.withLock { state in state.desks[state.processes[process].desk].loseTheLast(now: state.now + state.wallOffset) }
        default: break
        }
    }

    /// Starts a process on one of the daemon's machines. Nil when the fleet lock there is another's.
    package func boot(
        _ mode: WorldState.ProcessRecord.Mode, _ fleet: DesiredFleet, approved: Reconciler.Approval? = nil,
        isAttended: Bool = true, desk: Int = 0, replacing: Set<String> = []
    ) -> SimulatedProcess? {
        let id = state.withLock { state -> Int? in
            guard mode == .read || state.desks[desk].lockHolder == nil || state.ignoresLock else { return nil }
            state.processes.append(.init(mode: mode, fleet: fleet, desk: desk, approved: approved, isAttended: isAttended))
            let id = state.processes.count - 1
            state.processes[id].replacing = state.unreplaced(replacing, desk)
            if mode != .read, state.desks[desk].lockHolder == nil { state.desks[desk].lockHolder = id }
            return id
        }
        guard let id else { return nil }
        let thread = SingleThread(in: queue)
        threads.withLock { $0.append(thread) }
        return SimulatedProcess(world: self, id: id, thread: thread)
    }

    /// The kernel takes the lock and everything else from a process that ends or dies. Half of what it had sent arrives, when it does.
    func end(_ id: Int) {
        let sleepers = state.withLock { state -> [Sleepers.Sleeper] in
            state.processes[id].isAlive = false
            let desk = state.processes[id].desk
            if state.desks[desk].lockHolder == id { state.desks[desk].lockHolder = nil }
            state.frozen.removeAll { $0.process == id }
            let sleepers = state.sleepers.remove(process: id)
            for sleeper in sleepers {
                guard case .effect(let effect, let number, let fault)? = sleeper.errand, state.random.chance(2) else { continue }
                let delays = effect.isForHost ? [0, 3, 20, 120.0] : fault?.isLate == true ? [0] : [0, 3, 20]
                let at = sleeper.at + delays[state.random.below(delays.count)]
                let session = effect.host.flatMap { state.machine($0)?.session }
                state.orphaned.append(.init(at: at, effect: effect, number: number, fault: fault, process: id, session: session))
            }
            state.inFlight = state.inFlight.filter { $0.value.process != id }
            return sleepers
        }
        threads.withLock { $0[id] }.thaw()
        for sleeper in sleepers { sleeper.continuation.resume() }
    }

    /// The operator has changed the file: the process begins nothing more, and the next one is started with the other file.
    func reload(_ id: Int) { brakes.withLock { $0[id] }?.set() }

    func stopSignal(of id: Int) -> StopSignal {
        let stopSignal = StopSignal()
        brakes.withLock { $0[id] = stopSignal }
        return stopSignal
    }

    /// Nothing of the process goes on for so many seconds; what it had sent arrives.
    func pause(_ id: Int, seconds: Double) {
        state.withLock { $0.frozen.append((id, $0.now + seconds)) }
        threads.withLock { $0[id] }.freeze()
    }

    /// Somebody starts the program again while it runs: on the same machine, or on another one that was given a copy of the state directory.
    func startAnother(beside id: Int, desk: Int) {
        let (record, ledger) = state.withLock { state -> (WorldState.ProcessRecord, Ledger?) in
            if state.desks[desk].ledger == nil { state.desks[desk].ledger = state.disk }
            return (state.processes[id], state.desks[desk].ledger)
        }
        guard let ledger, let other = boot(.apply, record.fleet, approved: record.approved, isAttended: record.isAttended, desk: desk)
        else { return state.withLock { $0.note("the lock is held") } }
        let reconciler = reconciler(for: record.fleet, other, isAttended: record.isAttended)
        Task(executorPreference: other.thread) {
            _ = try? await reconciler.converge(
                other, ledger: ledger, memory: other, approved: record.approved, deadline: other.now + 600)
            other.end()
        }
    }

    /// The shipped loop, as it runs in `process`.
    package func reconciler(
        for fleet: DesiredFleet, _ process: SimulatedProcess, isAttended: Bool, tell: @escaping @Sendable (Event) -> Void = { _ in }
    ) -> Reconciler {
        var reconciler = Reconciler(fleet: fleet, clock: process, isAttended: isAttended, disabledRules: disabledRules, tell: tell)
        reconciler.replacing = state.withLock { state in
            Dictionary(uniqueKeysWithValues: state.processes[process.id].replacing.map { ($0, WorldState.wish) })
        }
        return reconciler
    }

    // MARK: waiting

    /// Waits for the virtual clock; ends early when the task is cancelled or the process dies.
    nonisolated(nonsending) func sleep(seconds: Double, process: Int) async {
        guard seconds > 0, mayNap(process) else { return }
        let id = nextID()
        await withTaskCancellationHandler {
            await wait(id, seconds, process, errand: nil)
        } onCancel: {
            state.withLock { $0.sleepers.remove(id: id) }?.continuation.resume()
        }
    }

    /// False for a loop that sleeps and wakes without end, which ends here.
    private func mayNap(_ process: Int) -> Bool {
        state.withLock { state in
            state.naps += 1
            guard state.naps > WorldState.readLimit else { return true }
            if state.naps == WorldState.readLimit + 1 { state.report(.spun("\(state.naps) naps and no end")) }
            state.processes[process].isAlive = false
            return false
        }
    }

    /// Sends something that arrives after so many seconds, and waits for its answer; nil when the process has died.
    nonisolated(nonsending) func send(_ errand: Errand, arrivingIn seconds: Double, process: Int) async -> Result<Answer, EffectError>? {
        let id = nextID()
        await wait(id, seconds, process, errand: errand)
        return state.withLock { $0.answers.removeValue(forKey: id) }
    }

    private func nextID() -> Int {
        state.withLock { state in
            state.sleeperID += 1
            return state.sleeperID
        }
    }

    private nonisolated(nonsending) func wait(_ id: Int, _ seconds: Double, _ process: Int, errand: Errand?) async {
        await withUnsafeContinuation { continuation in
            let isLate = state.withLock { state in
                guard state.processes[process].isAlive, errand != nil || !Task.isCancelled else { return true }
                state.sleepers.add(
                    .init(at: state.now + seconds, id: id, process: process, errand: errand, continuation: continuation))
                return false
            }
            if isLate { continuation.resume() }
        }
    }
}
