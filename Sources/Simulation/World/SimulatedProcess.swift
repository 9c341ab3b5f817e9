package import FleetCore
package import K3s
package import Reconciler
import Synchronization

/// The hands, the clock and the disk of one process. Once it is dead nothing that it still calls does anything, and its clock stands
/// at the end of time so that its loop unwinds at once.
package struct SimulatedProcess: Sendable {
    let world: SimulatedWorld
    package let id: Int

    package func end() { world.end(id) }

    package var isAlive: Bool { world.state.withLock { $0.processes[id].isAlive } }

    static let dead = EffectError("the process is dead", remedy: .askOperator(advice: ""))

    private func nap(_ seconds: Double) async { await world.sleep(seconds: seconds, process: id, isCancellable: false) }
}

extension SimulatedProcess: WallClock {
    package var now: Double {
        world.state.withLock { $0.processes[id].isAlive ? $0.now + $0.wallOffset : 1e15 }
    }

    package var uptime: Double {
        world.state.withLock { $0.processes[id].isAlive ? $0.now : 1e15 }
    }

    package func sleep(seconds: Double) async throws {
        await world.sleep(seconds: seconds, process: id, isCancellable: true)
    }
}

extension SimulatedProcess: Memory {
    package struct DiskError: Error { package var text: String }

    package func save(_ ledger: Ledger) throws {
        let outcome = world.state.withLock { $0.save(ledger, by: id) }
        if outcome.dies { end() }
        if let error = outcome.error { throw error }
    }
}

extension WorldState {
    /// Written beside the old ledger and renamed: torn or old, never torn and new.
    mutating func save(_ ledger: Ledger, by id: Int) -> (dies: Bool, error: SimulatedProcess.DiskError?) {
        guard processes[id].isAlive else { return (false, .init(text: "the process is dead")) }
        let number = saves
        saves += 1
        let fault = processes[id].diesAtSave ?? fault(at: .save(number))
        switch fault {
        case .crashInWrite, .crashAfterReply: return (true, .init(text: "killed"))
        case .diskFull:
            return (false, .init(text: "No space left on device"))
        case .crashAfterWrite:
            disk = ledger
            return (true, .init(text: "killed"))
        default:
            disk = ledger
            return (false, nil)
        }
    }
}

extension SimulatedProcess: WorldWriter {
    package func listVMs() async throws(EffectError) -> [ObservedVM] {
        let fault = try await begin(.vms)
        let list: [ObservedVM]
        switch fault {
        case .api(let fault): throw fault.error(mutating: false)
        case .emptyList: list = []
        case .staleList(let back): list = world.state.withLock { $0.list(back: back) }
        case .partialList(let hidden):
            let whole = world.state.withLock { $0.list(back: 0) }
            list = whole.enumerated().filter { $0.offset != hidden % max(1, whole.count) }.map(\.element)
        default: list = world.state.withLock { $0.list(back: 0) }
        }
        return try await onItsWay(list, upTo: 3)
    }

    package func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe {
        try Self.refuse(try await begin(.host(vm.name)))
        let probe = world.state.withLock { state -> HostProbe? in
            guard let machine = state.machine(vm.name), !machine.isStopped, state.now >= machine.sshAt else { return nil }
            return machine.probe(now: state.now)
        }
        guard let probe else { throw EffectError("connection refused", remedy: .retry(after: nil)) }
        return try await onItsWay(probe)
    }

    package func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading {
        let fault = try await begin(.cluster)
        try Self.refuse(fault)
        guard var reading = world.state.withLock({ $0.readCluster(on: vm.name) }) else {
            throw EffectError("connection refused", remedy: .retry(after: nil))
        }
        guard reading.hostname == vm.name else { throw EffectError("wrong host", remedy: .askOperator(advice: "whose VM is it?")) }
        if fault == .apiServerDown {
            (reading.apiReady, reading.reason, reading.nodes) = (false, "etcdserver: request timed out", [])
        }
        return try await onItsWay(reading)
    }

    private static func refuse(_ fault: Fault.Kind?) throws(EffectError) {
        switch fault {
        case .unreachable: throw EffectError("timed out", remedy: .retry(after: nil))
        case .refused: throw EffectError("the host key is another", remedy: .askOperator(advice: "look why"))
        default: break
        }
    }

    /// What was read travels back and grows old on the way.
    private func onItsWay<T>(_ answer: T, upTo longest: Double = 0.4) async throws(EffectError) -> T {
        await nap(world.state.withLock { $0.random.seconds(0.05, longest) })
        guard isAlive else { throw Self.dead }
        return answer
    }

    package func createVM(name: String, shape: VMShape, ownerTag: String) async throws(EffectError) -> ObservedVM {
        guard case .vm(let vm) = try await perform(.create(name: name, shape, tag: ownerTag)) else { throw Self.dead }
        return vm
    }

    package func tagVM(_ name: String, tags: [String]) async throws(EffectError) { _ = try await perform(.tag(name, tags)) }

    package func startVM(_ name: String) async throws(EffectError) { _ = try await perform(.start(name)) }

    package func removeVM(_ name: String) async throws(EffectError) { _ = try await perform(.remove(name)) }

    package func share(_ vm: String, as share: Share) async throws(EffectError) -> Share {
        guard case .share(let seen) = try await perform(.share(vm, share)) else { throw Self.dead }
        return seen
    }

    /// All processes of a world run on one machine, whose lock keeps them apart: to the cluster they are one holder.
    package func holdLease(on vm: ObservedVM, seconds: Int) async throws(EffectError) -> LeaseAnswer {
        guard isAlive else { throw Self.dead }
        guard world.state.withLock({ $0.readCluster(on: vm.name) })?.apiReady == true else {
            throw EffectError("connection refused", remedy: .retry(after: nil))
        }
        return .ours
    }

    package func releaseLease(on vm: ObservedVM) async throws(EffectError) {}

    package func run(_ order: HostOrder, on vm: ObservedVM) async throws(EffectError) -> String {
        guard case .text(let text) = try await perform(.order(order, on: vm.name)) else { throw Self.dead }
        return text
    }
}

// MARK: one call

extension SimulatedProcess {
    /// A read leaves, arrives, and is answered with the world as it is on arrival.
    private func begin(_ look: Look) async throws(EffectError) -> Fault.Kind? {
        let (fault, seconds) = world.state.withLock { $0.enter(look, by: id) }
        guard let seconds else { throw Self.dead }
        await nap(seconds)
        guard isAlive else { throw Self.dead }
        world.state.withLock { $0.settle() }
        return fault
    }

    /// A change leaves, is done on arrival, and its answer comes back: each part may fail.
    private func perform(_ effect: Effect) async throws(EffectError) -> EffectReply {
        guard let (fault, there, back, number) = world.state.withLock({ $0.enter(effect, by: id) }) else { throw Self.dead }
        if fault == .crashBefore {
            // It never left.
            world.state.withLock { $0.inFlight[number] = nil }
            end()
            throw Self.dead
        }
        if fault == .secondRun { world.secondRun(beside: id) }
        await nap(there)
        let result = world.state.withLock { $0.arrive(effect, number, fault, by: id) }
        if fault == .crashAfter { end() }
        await nap(back)
        world.state.withLock { state in
            state.inFlight[number] = nil
            if case .create(let name, _, _) = effect, case .success = result { state.memory.told.insert("\(id) \(name)") }
            if case .failure = result { state.memory.failures["\(id) \(effect.words)"] = state.now }
        }
        guard isAlive else { throw Self.dead }
        return try result.get()
    }
}

extension WorldState {
    func owns(_ name: String, _ id: Int) -> Bool { machine(name)?.tags.contains(processes[id].fleet.cluster.tag) == true }

    /// More than any trial needs: a loop that spins is stopped here.
    static let readLimit = 30_000

    /// What goes wrong here, written down.
    private mutating func fault(at point: Fault.Point) -> Fault.Kind? {
        guard let kind = faults[point]?.first else { return nil }
        let fault = Fault(kind, at: point)
        note(fault.description)
        struck.append(fault)
        return kind
    }

    mutating func enter(_ look: Look, by id: Int) -> (Fault.Kind?, Double?) {
        guard processes[id].isAlive else { return (nil, nil) }
        let number = reads.count
        guard number < Self.readLimit else {
            if number == Self.readLimit { violate("liveness: \(number) reads and no end") }
            processes[id].isAlive = false
            return (nil, nil)
        }
        reads.append(look)
        return (fault(at: .read(number)), look == .vms ? random.seconds(0.1, 0.5) : random.seconds(0.05, 0.2))
    }

    mutating func enter(_ effect: Effect, by id: Int) -> (fault: Fault.Kind?, there: Double, back: Double, number: Int)? {
        guard processes[id].isAlive else { return nil }
        settle()
        let number = effects.count
        effects.append(effect)
        note("\(id) \(effect.words)")
        judge(effect, by: id)
        inFlight[number] = effect
        let fault = fault(at: .effect(number))
        if let fault { strike(fault, by: id) }
        return (fault, random.seconds(0.1, 0.5), duration(of: effect), number)
    }

    private mutating func duration(of effect: Effect) -> Double {
        switch effect.step {
        case .prepare: random.seconds(4, 15)
        case .createVM: random.seconds(0.5, 2.5)
        case .drain: random.seconds(1, 20)
        default: random.seconds(0.2, 1.5)
        }
    }

    /// Faults of the surroundings take hold when the effect is sent.
    private mutating func strike(_ fault: Fault.Kind, by id: Int) {
        switch fault {
        case .clockJump(let seconds): wallOffset += seconds
        case .crashAfterReply: processes[id].diesAtSave = .crashAfterReply
        case .vanish(let index):
            let agents = machines.filter { $0.disk.setup?.role == .agent && owns($0.name, id) }
            if !agents.isEmpty { vanish(agents[index % agents.count].name) }
        case .reboot(let index) where !machines.isEmpty: reboot(machines[index % machines.count].name, losesWrites: false)
        default: break
        }
    }

    /// Carries the effect out, unless a fault forbids it, and says what the caller is told. Of a process that died on the way half of what
    /// it had sent arrives.
    mutating func arrive(_ effect: Effect, _ number: Int, _ fault: Fault.Kind?, by id: Int) -> Swift.Result<EffectReply, EffectError> {
        settle()
        guard processes[id].isAlive || random.chance(2) else { return .failure(SimulatedProcess.dead) }
        var isDone = true
        var told: EffectError?
        if case .api(let kind)? = fault, !effect.isForHost {
            (isDone, told) = (kind.isDone, kind.error(mutating: true))
            if kind == .status504Late { late.append((now + 25, effect)) }
        }
        var hostFault: HostFault?
        if case .host(let kind)? = fault, effect.isForHost { hostFault = kind }
        var result: Swift.Result<EffectReply, EffectError> = .success(.text(""))
        if isDone { result = carryOut(effect, fault: hostFault) }
        if isDone { judgeResult(of: effect, by: id) }
        if let told { result = .failure(told) }
        note("\(id) \(effect.words): \(result.outcomeWords)")
        return result
    }
}

extension Swift.Result where Success == EffectReply, Failure == EffectError {
    var outcomeWords: String {
        switch self {
        case .success: "done"
        case .failure(let error): error.message
        }
    }
}
