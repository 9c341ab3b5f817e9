import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

@testable import Simulation

final class VirtualClock: WallClock {
    private let time = Mutex(1_000_000.0)
    var now: Double { time.withLock { $0 } }
    var uptime: Double { now }
    func pass(seconds: Double) { time.withLock { $0 += seconds } }
    func sleep(seconds: Double) async throws {
        pass(seconds: seconds)
        await Task.yield()
    }
}

/// The audit log of a full disk.
struct FullNotebook: Memory {
    func save(_ ledger: Ledger) throws {}
    func intend(_ action: Action, because: Reason, facts: FleetFacts) throws { throw EffectError("full", remedy: .retry(after: nil)) }
}

/// Starts of the program in one simulated world, from its first VM or over a fleet that stands.
struct Program {
    let world: SimulatedWorld

    init() { world = SimulatedWorld(WorldState(seed: 7)) }

    init(over fleet: DesiredFleet, _ arrange: (inout WorldState) -> Void = { _ in }) throws {
        var state = try Stage(Scenario("standing", before: fleet, after: fleet)).start
        arrange(&state)
        world = SimulatedWorld(state)
    }

    /// What one start came to.
    struct Run<Value: Sendable> {
        var result: Result<Value, any Error>
        var events: [Event]
        /// In words.
        var effects: [String]
        var reads: [ReadTarget]
        var seconds: Double
    }

    /// `meanwhile`: what happens in the world right after something was reported.
    typealias Meanwhile = @Sendable (Event, inout WorldState) -> Void

    func converge(
        _ fleet: DesiredFleet, approved: Reconciler.Approval? = nil, isAttended: Bool = true, memory: (any Memory)? = nil,
        seconds: Double = 900, inspected: Inspected = [:], meanwhile: @escaping Meanwhile = { _, _ in }
    ) throws -> Run<Reconciler.Result> {
        let ledger = world.state.withLock { $0.ledger(for: fleet) }
        return try run(.apply, fleet, meanwhile) { [world] process, tell in
            try await world.reconciler(for: fleet, process, isAttended: isAttended, tell: tell).converge(
                process, ledger: ledger, memory: memory ?? process, approved: approved, deadline: process.now + seconds,
                inspected: inspected)
        }
    }

    func look(_ fleet: DesiredFleet) throws -> Run<Reconciler.Result> {
        let ledger = world.state.withLock { $0.ledger(for: fleet) }
        return try run(.read, fleet) { [world] process, tell in
            try await world.reconciler(for: fleet, process, isAttended: true, tell: tell).observe(process, ledger: ledger)
        }
    }

    /// Of these VMs, or of all that the fleet owns.
    func destroy(
        _ fleet: DesiredFleet, _ names: [String]? = nil, memory: (any Memory)? = nil, meanwhile: @escaping Meanwhile = { _, _ in }
    ) throws -> Run<[String]> {
        try run(.destroy, fleet, meanwhile) { process, tell in
            let destruction = Destruction(of: fleet, in: process, memory: memory ?? process, clock: process, tell: tell)
            guard let names else { return try await destruction.remove(destruction.owned().map(\.name)) }
            return try await destruction.remove(names)
        }
    }

    /// Makes the lost ledger of the fleet anew and puts it on the disk.
    func recover(_ fleet: DesiredFleet) throws -> Run<RecoveredLedger> {
        let cluster = fleet.cluster
        let record = ServerRecord(
            serverToken: "s", agentToken: "a", clusterCIDR: cluster.clusterCIDR.description, serviceCIDR: cluster.serviceCIDR.description)
        let run = try run(.read, fleet) { process, _ in
            let observed = try await Recovery(of: fleet, in: process).observe()
            return try RecoveredLedger(of: fleet, from: observed, record: record, now: process.now)
        }
        if let ledger = try? run.result.get().ledger { world.state.withLock { $0.disk = ledger } }
        return run
    }

    /// Another machine, that is none of ours, holds the Lease or does no more.
    func rival(_ holder: String?) { world.state.withLock { $0.lend(to: holder) } }

    private func run<Value: Sendable>(
        _ mode: WorldState.ProcessRecord.Mode, _ fleet: DesiredFleet, _ meanwhile: @escaping Meanwhile = { _, _ in },
        _ body: @escaping @Sendable (SimulatedProcess, @escaping @Sendable (Event) -> Void) async throws -> Value
    ) throws -> Run<Value> {
        let process = try #require(world.boot(mode, fleet))
        let before = world.snapshot
        let events = Mutex<[Event]>([])
        let result = world.run(process) { [world] () async -> Result<Value, any Error> in
            do {
                return .success(
                    try await body(process) { event in
                        world.state.withLock { meanwhile(event, &$0) }
                        events.withLock { $0.append(event) }
                    })
            } catch {
                return .failure(error)
            }
        }
        process.end()
        let after = world.snapshot
        #expect(world.violations == [])
        return Run(
            result: try #require(result, "the run hangs"), events: events.withLock { $0 },
            effects: after.effects.dropFirst(before.effects.count).map(\.words),
            reads: Array(after.reads.dropFirst(before.reads.count)), seconds: after.now - before.now)
    }
}

extension WorldState {
    /// For longer than any test lasts.
    mutating func lend(to holder: String?) {
        guard let cluster = apiServer?.cluster else { return }
        clusters[cluster].leases[Self.leaseName] = holder.map { .init(holder: $0, renewedAt: now, seconds: 60, number: 1) }
        leaseKeeper = holder
    }
}
