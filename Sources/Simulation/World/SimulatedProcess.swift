package import FleetCore
package import K3s
package import Reconciler
import Synchronization

/// The hands, the clock and the disk of one process. Once it is dead nothing that it still calls does anything, and its clock stands
/// at the end of time so that its loop unwinds at once.
package struct SimulatedProcess: Sendable {
    let world: SimulatedWorld
    package let id: Int
    let thread: SingleThread
    private var ticket: Fence.Ticket?

    init(world: SimulatedWorld, id: Int, thread: SingleThread) { (self.world, self.id, self.thread) = (world, id, thread) }

    package func end() { world.end(id) }

    package var isAlive: Bool { world.state.withLock { $0.processes[id].isAlive } }

    static let dead = EffectError("the process is dead", remedy: .askOperator(advice: ""))
}

extension SimulatedProcess: WallClock {
    package var now: Double {
        world.state.withLock { $0.processes[id].isAlive ? $0.now + $0.wallOffset : 1e15 }
    }

    package var uptime: Double {
        world.state.withLock { $0.processes[id].isAlive ? $0.now : 1e15 }
    }

    package nonisolated(nonsending) func sleep(seconds: Double) async throws {
        await world.sleep(seconds: seconds, process: id)
    }
}

extension SimulatedProcess: WorldWriter {
    package nonisolated(nonsending) func listVMs() async throws(EffectError) -> [ObservedVM] {
        guard case .vms(let list) = try await read(.vms, Errand.list) else { throw Self.dead }
        world.state.withLock { $0.processes[id].knowsAsOf = $0.processes[id].listedAt }
        return list
    }

    package nonisolated(nonsending) func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe {
        guard case .host(let probe) = try await read(.host(vm.name), { .probe(vm.name, $0) }) else { throw Self.dead }
        return probe
    }

    package nonisolated(nonsending) func readShare(of vm: ObservedVM) async throws(EffectError) -> Share {
        guard case .share(let share) = try await read(.share(vm.name), { .readShare(vm.name, $0) }) else { throw Self.dead }
        return share
    }

    package nonisolated(nonsending) func answer(to question: ShareQuestion) async throws(EffectError) -> Int {
        guard case .status(let status) = try await read(.web(question), { .answer(question, $0) }) else { throw Self.dead }
        return status
    }

    package nonisolated(nonsending) func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading {
        var nodes: [NodeReading]?
        defer { world.state.withLock { $0.report(.clusterRead(nodes, by: id)) } }
        guard case .cluster(let reading) = try await read(.cluster, { .readCluster(vm.name, $0) }) else { throw Self.dead }
        if reading.apiReady { nodes = reading.nodes }
        return reading
    }

    package nonisolated(nonsending) func create(_ step: CreateVM) async throws(EffectError) -> ObservedVM {
        guard case .vm(let vm) = try await perform(Effect(.createVM(step))) else { throw Self.dead }
        return vm
    }

    package nonisolated(nonsending) func tag(_ step: TagVM) async throws(EffectError) { _ = try await perform(Effect(.tagVM(step))) }

    package nonisolated(nonsending) func comment(_ step: CommentVM) async throws(EffectError) {
        _ = try await perform(Effect(.commentVM(step)))
    }

    package nonisolated(nonsending) func start(_ step: StartVM) async throws(EffectError) { _ = try await perform(Effect(.startVM(step))) }

    package nonisolated(nonsending) func resize(_ step: ResizeVM) async throws(EffectError) -> DiskApproval? {
        guard case .resized(let approval) = try await perform(Effect(.resizeVM(step))) else { throw Self.dead }
        return approval
    }

    package nonisolated(nonsending) func restart(_ step: RestartVM) async throws(EffectError) {
        _ = try await perform(Effect(.restartVM(step)))
    }

    package nonisolated(nonsending) func remove(_ step: RemoveVM) async throws(EffectError) {
        _ = try await perform(Effect(.removeVM(step)))
    }

    package nonisolated(nonsending) func share(_ step: ShareVM) async throws(EffectError) -> Share {
        guard case .share(let share) = try await perform(Effect(.share(step))) else { throw Self.dead }
        return share
    }

    package nonisolated(nonsending) func holdLease(
        on vm: ObservedVM, _ claim: LeaseClaim
    ) async throws(EffectError) -> LeaseAnswer {
        let fault = world.state.withLock { $0.enterAsk(by: id) }
        meet(fault)
        guard case .lease(let answer) = try await send(.takeLease(vm.name, claim, fault), after: 0.1) else {
            throw Self.dead
        }
        if let number = answer.number { world.state.withLock { $0.report(.leased(number, by: id)) } }
        return answer
    }

    package nonisolated(nonsending) func releaseLease(on vm: ObservedVM) async throws(EffectError) {
        _ = try await send(.dropLease(vm.name), after: 0.1)
    }

    package nonisolated(nonsending) func run(_ action: Action, on vm: ObservedVM) async throws(EffectError) -> String {
        guard case .text(let text) = try await perform(Effect(action, on: vm.name, under: ticket?.token)) else { throw Self.dead }
        return text
    }

    package func fenced(by ticket: Fence.Ticket) -> any WorldWriter {
        var copy = self
        copy.ticket = ticket
        return copy
    }
}

// MARK: one call

extension SimulatedProcess {
    private nonisolated(nonsending) func read(_ target: ReadTarget, _ errand: (Fault.Kind?) -> Errand) async throws(EffectError) -> Answer {
        let (fault, seconds) = world.state.withLock { $0.enter(target, by: id) }
        guard let seconds else { throw Self.dead }
        meet(fault)
        return try await send(errand(fault), after: seconds)
    }

    /// What happens to the process, or beside it, when it sends something.
    private func meet(_ fault: Fault.Kind?) {
        switch fault {
        case .secondRun: world.startAnother(beside: id, desk: world.state.withLock { $0.processes[id].desk })
        case .rival: world.startAnother(beside: id, desk: 1)
        case .edit: world.reload(id)
        case .pause(let seconds): world.pause(id, seconds: seconds)
        default: break
        }
    }

    private nonisolated(nonsending) func send(_ errand: Errand, after seconds: Double) async throws(EffectError) -> Answer {
        guard let answer = await world.send(errand, arrivingIn: seconds, process: id), isAlive else { throw Self.dead }
        return try answer.get()
    }

    /// A change leaves, is done on arrival, and its answer comes back: each part may fail.
    private nonisolated(nonsending) func perform(_ effect: Effect) async throws(EffectError) -> EffectReply {
        try ticket?.check()
        guard world.state.withLock({ $0.announce(effect, by: id) }) else { throw Self.dead }
        let (fault, there, number) = world.state.withLock { $0.enter(effect, by: id) }
        if fault == .crashBefore {
            // It never left.
            world.state.withLock { $0.inFlight[number] = nil }
            end()
            throw Self.dead
        }
        meet(fault)
        let answer = await world.send(.effect(effect, number: number, fault), arrivingIn: there, process: id)
        guard let answer, isAlive else { throw Self.dead }
        let isDone = if case .success = answer { true } else { false }
        world.state.withLock { $0.report(.answered(effect, by: id, isDone: isDone)) }
        guard case .effect(let reply) = try answer.get() else { throw Self.dead }
        return reply
    }
}

extension WorldState {
    func owns(_ name: String, _ id: Int) -> Bool { machine(name)?.tags.contains(processes[id].fleet.cluster.tag) == true }

    /// More than any trial needs: a loop that spins is stopped here.
    static let readLimit = 30_000

    /// What goes wrong here, written down.
    mutating func fault(at point: Fault.Point, by id: Int, _ isPossible: (Fault.Kind) -> Bool = { _ in true }) -> Fault.Kind? {
        guard let fault = faults.first(where: { $0.point == point }), isPossible(fault.kind) else { return nil }
        note(fault.description)
        struck.append(fault)
        strike(fault.kind, by: id)
        return fault.kind
    }

    mutating func enter(_ target: ReadTarget, by id: Int) -> (Fault.Kind?, Double?) {
        guard processes[id].isAlive else { return (nil, nil) }
        let number = reads.count
        guard number < Self.readLimit else {
            if number == Self.readLimit { report(.spun("\(number) reads and no end")) }
            processes[id].isAlive = false
            return (nil, nil)
        }
        reads.append(target)
        return (
            fault(at: .read(number), by: id) { $0.canStrike(target) }, target == .vms ? random.seconds(0.1, 0.5) : random.seconds(0.05, 0.2)
        )
    }

    /// The Lease is asked for.
    mutating func enterAsk(by id: Int) -> Fault.Kind? {
        guard processes[id].isAlive else { return nil }
        asks += 1
        return fault(at: .ask(asks - 1), by: id)
    }

    /// A process is about to send this; false when it is dead.
    mutating func announce(_ effect: Effect, by id: Int) -> Bool {
        guard processes[id].isAlive else { return false }
        proceed()
        effects.append(effect)
        note(String(id), " ", effect.kind.rawValue, " ", effect.subject)
        report(.sent(effect, by: id))
        return true
    }

    /// It sends what it announced.
    mutating func enter(_ effect: Effect, by id: Int) -> (fault: Fault.Kind?, there: Double, number: Int) {
        let number = effects.count - 1
        inFlight[number] = (effect, id)
        let fault = fault(at: .effect(number), by: id) { $0.canStrike(effect) }
        let there = random.seconds(0.1, 0.5)
        if case .slowThere(let seconds)? = fault { return (fault, min(seconds, effect.deadline), number) }
        return (fault, there, number)
    }

    /// Carries the effect out, unless a fault forbids it, and says what the caller is told.
    mutating func arrive(_ effect: Effect, _ number: Int, _ fault: Fault.Kind?, by id: Int) -> Swift.Result<EffectReply, EffectError> {
        proceed()
        inFlight[number] = nil
        if case .removeVM = effect.action { logOut(effect.subject) }
        if let until = outage, now < until, !effect.isForHost { return .failure(APIFault.dns.error(mutating: true)) }
        if !effect.isForHost, isThrottled() { return .failure(APIFault.status429.error(mutating: true)) }
        var isDone = true
        var told: EffectError?
        if case .api(let kind)? = fault, !effect.isForHost {
            (isDone, told) = (kind.isDone, kind.error(mutating: true))
            if let delay = kind.delay {
                late.append(Late(at: now + delay, effect: effect, process: id, reservesName: kind == .status504Reserved))
            }
        }
        var hostFault: HostFault?
        switch fault {
        case .host(let kind) where effect.isForHost: hostFault = kind
        // A script ends with its connection.
        case .slowThere(let seconds) where seconds > effect.deadline: hostFault = .cutMiddle
        case .slow(let seconds) where seconds > effect.deadline: told = effect.isOverdue
        default: break
        }
        var result: Swift.Result<EffectReply, EffectError> = .success(.text(""))
        if isDone {
            result = carryOut(effect, fault: hostFault, by: id)
            if !result.isFenced { report(.carriedOut(effect, by: id)) }
        }
        if let told { result = .failure(told) }
        note(String(id), " ", effect.kind.rawValue, " ", effect.subject, ": ", result.outcomeWords)
        return result
    }
}

extension Swift.Result where Success == EffectReply, Failure == EffectError {
    /// The host refused it.
    fileprivate var isFenced: Bool { if case .failure(let error) = self, case .fenced = error.remedy { true } else { false } }

    var outcomeWords: String {
        switch self {
        case .success: "done"
        case .failure(let error): error.message
        }
    }
}
