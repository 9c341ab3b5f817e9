package import FleetCore
package import Reconciler
package import Synchronization

/// A world that lives in this process: no threads of its own, no wall time. The thread that calls `run` does everything, and when nothing
/// is ready the virtual clock jumps to whoever wakes next. The same seed gives the same trace.
package final class SimulatedWorld: Sendable {
    let executor = SingleThread()
    package let state: Mutex<WorldState>
    private let lifted: Set<Guard>

    package init(_ state: WorldState, lifted: Set<Guard> = []) {
        self.state = Mutex(state)
        self.lifted = lifted
    }

    /// A copy to start other worlds from.
    package var snapshot: WorldState {
        state.withLock { $0 }
    }

    /// Runs `body` to its end. Nil when nothing is left that could end it: it hangs.
    package func run<T: Sendable>(_ body: @escaping @Sendable () async -> T) -> T? {
        let result = Mutex<T?>(nil)
        let task = Task(executorPreference: executor) {
            let value = await body()
            result.withLock { $0 = value }
        }
        repeat { executor.drain() } while wakeNext()
        task.cancel()
        return result.withLock { $0 }
    }

    private func wakeNext() -> Bool {
        let sleeper = state.withLock { state in
            let sleeper = state.sleepers.popEarliest()
            if let sleeper { state.now = max(state.now, sleeper.at) }
            return sleeper
        }
        sleeper?.continuation.resume()
        return sleeper != nil
    }

    /// Starts a process of the daemon's machine. Nil when the fleet lock is another's.
    package func boot(
        _ mode: WorldState.ProcessRecord.Mode, _ fleet: DesiredFleet, approved: Reconciler.Approval? = nil,
        isAttended: Bool = true
    ) -> SimulatedProcess? {
        state.withLock { state in
            guard mode == .look || state.lockHolder == nil || state.ignoresLock else { return nil }
            state.processes.append(.init(mode: mode, fleet: fleet, approved: approved, isAttended: isAttended))
            let id = state.processes.count - 1
            if mode != .look, state.lockHolder == nil { state.lockHolder = id }
            return SimulatedProcess(world: self, id: id)
        }
    }

    /// The kernel takes the lock and everything else from a process that ends or dies.
    func end(_ id: Int) {
        let sleepers = state.withLock { state in
            state.processes[id].isAlive = false
            if state.lockHolder == id { state.lockHolder = nil }
            return state.sleepers.remove(process: id)
        }
        for sleeper in sleepers { sleeper.continuation.resume() }
    }

    /// Somebody starts the program again while it runs.
    func secondRun(beside id: Int) {
        let (fleet, ledger) = state.withLock { ($0.processes[id].fleet, $0.disk) }
        guard let ledger, let second = boot(.apply, fleet) else { return state.withLock { $0.note("a second run: the lock is held") } }
        Task(executorPreference: executor) { [lifted] in
            let reconciler = Reconciler(fleet: fleet, clock: second, lifted: lifted, tell: { _ in })
            _ = try? await reconciler.converge(second, ledger: ledger, memory: second, approved: nil, deadline: second.now + 600)
            second.end()
        }
    }

    /// Waits for the virtual clock; ends early when the task is cancelled or the process dies.
    func sleep(seconds: Double, process: Int, isCancellable: Bool) async {
        guard seconds > 0 else { return }
        let id = state.withLock { state in
            state.sleeperID += 1
            return state.sleeperID
        }
        guard isCancellable else { return await sleep(id, seconds, process) }
        await withTaskCancellationHandler {
            await sleep(id, seconds, process)
        } onCancel: {
            state.withLock { $0.sleepers.remove(id: id) }?.continuation.resume()
        }
    }

    private func sleep(_ id: Int, _ seconds: Double, _ process: Int) async {
        await withUnsafeContinuation { continuation in
            let isLate = state.withLock { state in
                guard state.processes[process].isAlive, !Task.isCancelled else { return true }
                state.sleepers.add(.init(at: state.now + seconds, id: id, process: process, continuation: continuation))
                return false
            }
            if isLate { continuation.resume() }
        }
    }
}
