import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

/// A small world in memory with virtual time. Faults: replies of `new` that get lost after the VM was made, and a crash after effect n.
final class FakeWorld: WorldWriter {
    struct State {
        var vms: [String: ObservedVM] = [:]
        var prepared: Set<String> = []
        var installed: Set<String> = []
        var nodes: [String: NodeReading] = [:]
        var created: [String] = []
        var log: [String] = []
        var looks = 0
        var effects = 0
        var loseRepliesOfNew = false
        /// Another machine that holds the Lease.
        var rival: String?
        var leaseFails = false
        /// So many readings of the cluster find no API server.
        var silentReadings = 0
        /// A VM that lists lack until so many looks were made.
        var hidden: String?
        var hiddenUntil = 0
        /// What happens in the world after each effect.
        var afterEffect: (@Sendable (inout State) -> Void)?
        var crashAfter = Int.max
    }

    let state: Mutex<State>
    let clock = VirtualClock()

    init(_ state: State = State()) { self.state = Mutex(state) }

    /// Every effect passes here; past the crash nothing answers any more, as after kill -9.
    private func effect<T>(_ name: String, _ body: (inout State) throws(EffectError) -> T) throws(EffectError) -> T {
        let result = state.withLock { state -> Result<T, EffectError> in
            guard state.effects < state.crashAfter else { return .failure(EffectError("crashed", remedy: .askOperator(advice: ""))) }
            state.effects += 1
            state.log.append(name)
            defer { state.afterEffect?(&state) }
            do throws(EffectError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    func listVMs() async throws(EffectError) -> [ObservedVM] {
        state.withLock {
            $0.looks += 1
            let hidden = $0.looks <= $0.hiddenUntil ? $0.hidden : nil
            return $0.vms.values.filter { $0.name != hidden }
        }
    }

    func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe {
        let state = state.withLock { $0 }
        let isServer = vm.name.contains("-cp-")
        let isPrepared = state.prepared.contains(vm.name)
        let isInstalled = state.installed.contains(vm.name)
        let unit = "LoadState=\(isInstalled ? "loaded" : "not-found") ActiveState=active SubState=running UnitFileState=enabled NRestarts=0"
        let lines =
            ["hostname=\(vm.name)", "systemd=running", "overlay=\(isPrepared ? address(vm.name) : "down")"]
            + (isPrepared ? ["version=v1.34.9+k3s1", "sha256=abc", "installer=yes"] : [])
            + ["unit.\(isServer ? "k3s" : "k3s-agent")=\(unit)"] + (isInstalled ? ["config=x"] : [])
        do {
            return try HostProbe.parse("=== exedev-k8s probe begin\n" + lines.joined(separator: "\n") + "\n=== exedev-k8s probe end")
        } catch {
            throw EffectError("\(error)", remedy: .retry(after: nil))
        }
    }

    private func address(_ name: String) -> String { "100.64.0.\(name.utf8.reduce(0) { ($0 &+ Int($1)) % 250 } + 1)" }

    func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading {
        let (state, isSilent) = state.withLock { state in
            state.silentReadings -= 1
            return (state, state.silentReadings >= 0)
        }
        var reading = ClusterReading()
        reading.hostname = vm.name
        reading.apiReady = state.nodes[vm.name] != nil && !isSilent
        reading.caHash = reading.apiReady ? "ca" : nil
        reading.nodes = state.nodes.values.sorted { $0.name < $1.name }
        return reading
    }

    func createVM(name: String, shape: VMShape, ownerTag: String) async throws(EffectError) -> ObservedVM {
        try effect("create \(name)") { state throws(EffectError) in
            guard state.vms[name] == nil else { throw EffectError("\(name) is not available", remedy: .askOperator(advice: "")) }
            let vm = ObservedVM(
                name: name, status: .running, tags: [ownerTag] + shape.tags, address: .init(host: "h", port: nil, user: nil),
                createdAt: "t\(state.created.count)", url: nil)
            state.vms[name] = vm
            state.created.append(name)
            state.prepared.remove(name)
            state.installed.remove(name)
            if state.loseRepliesOfNew { throw EffectError("reply lost", remedy: .observeAgain) }
            return vm
        }
    }

    func tagVM(_ name: String, tags: [String]) async throws(EffectError) {
        try effect("tag \(name)") { state in state.vms[name]?.tags += tags }
    }

    func startVM(_ name: String) async throws(EffectError) { try effect("start \(name)") { state in state.vms[name]?.status = .running } }

    func removeVM(_ name: String) async throws(EffectError) { try effect("remove \(name)") { state in state.vms[name] = nil } }

    func share(_ vm: String, as share: Share, revoking: [String]) async throws(EffectError) -> Share {
        try effect("share \(vm)") { _ in share }
    }

    func holdLease(on vm: ObservedVM, seconds: Int) async throws(EffectError) -> LeaseAnswer {
        let (rival, fails) = state.withLock { ($0.rival, $0.leaseFails) }
        if fails { throw EffectError("etcdserver: no leader", remedy: .retry(after: nil)) }
        return rival.map { .held(by: $0, left: 30) } ?? .ours
    }

    func releaseLease(on vm: ObservedVM) async throws(EffectError) {}

    func run(_ order: HostOrder, on vm: ObservedVM) async throws(EffectError) -> String {
        let address = address(vm.name)
        return try effect("\(order.words)") { state in
            switch order {
            case .prepare(let node, _, _): state.prepared.insert(node)
            case .install(let setup):
                state.installed.insert(setup.name)
                state.nodes[setup.name] = NodeReading(
                    name: setup.name, ready: .ready, version: setup.version, internalIP: address,
                    labels: setup.role == .server ? ["node-role.kubernetes.io/control-plane": "true"] : [:], taints: setup.taints)
            case .shape(let node, let shape):
                for (key, value) in shape.labels { state.nodes[node]?.labels[key] = value }
                if let taints = shape.taints { state.nodes[node]?.taints = taints.to }
                state.nodes[node]?.annotations.merge(shape.annotations) { $1 }
            case .deleteNode(let node, _), .forget(let node, _): state.nodes[node] = nil
            case .drain(let node, _): state.nodes[node]?.unschedulable = true
            case .uncordon(let node): state.nodes[node]?.unschedulable = false
            case .stop, .restart: break
            }
            return "k3s-sha256=abc\n"
        }
    }
}

extension HostOrder {
    var words: String {
        switch self {
        case .prepare(let node, _, _): "prepare \(node)"
        case .install(let setup): "install \(setup.name)"
        case .forget(let node, _): "forget \(node)"
        case .shape(let node, _): "shape \(node)"
        case .restart(let node, _): "restart \(node)"
        case .drain(let node, _): "drain \(node)"
        case .uncordon(let node): "uncordon \(node)"
        case .stop(let node, _): "stop \(node)"
        case .deleteNode(let node, _): "delete \(node)"
        }
    }
}

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

final class Notebook: Memory {
    let ledger: Mutex<Ledger>
    init(_ fleet: DesiredFleet) {
        ledger = Mutex(
            Ledger(
                cluster: fleet.cluster.name, clusterID: "id", clusterCIDR: fleet.cluster.clusterCIDR.description,
                serviceCIDR: fleet.cluster.serviceCIDR.description))
    }
    func save(_ ledger: Ledger) throws { self.ledger.withLock { $0 = ledger } }
    var current: Ledger { ledger.withLock { $0 } }
}

@Suite struct ConvergeTests {
    static func fleet(web: Int = 2, prune: Bool = true, label: String = "front") throws -> DesiredFleet {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1},
             pools: {web: {nodes: \(web), labels: {tier: "\(label)"}, share: {port: 8080, public: true}}, batch: {nodes: 1, isolated: true}},
             policy: {prune: \(prune)}}
            """
        let outcome = FleetFile.parse(text, file: "fleet.json")
        return try #require(outcome.fleet, "\(outcome.diagnostics)")
    }

    func converge(_ world: FakeWorld, _ fleet: DesiredFleet, _ notebook: Notebook, approved: Reconciler.Approval? = nil) async throws
        -> Reconciler.Result
    {
        try await Reconciler(fleet: fleet, clock: world.clock, tell: { _ in }).converge(
            world, ledger: notebook.current, memory: notebook, approved: approved, deadline: world.clock.now + 5000)
    }

    @Test func settlesAndThenDoesNothing() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        let result = try await converge(world, fleet, notebook)
        #expect(result.plan.isSettled, "\(result.plan.lines)")
        let created = world.state.withLock { $0.created.sorted() }
        #expect(created == fleet.nodes.map(\.name).sorted())
        let looks = world.state.withLock { $0.looks }
        let again = try await converge(world, fleet, notebook)
        #expect(again.effects == 0 && again.plan.isSettled)
        #expect(world.state.withLock { $0.looks } == looks + 1)
    }

    @Test(arguments: 0..<24)
    func goesOnAfterACrash(effect: Int) async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        world.state.withLock { $0.crashAfter = effect }
        _ = try await converge(world, fleet, notebook)
        world.state.withLock { $0.crashAfter = .max }
        // Whatever was refused meanwhile is tried again after its back-off.
        try await world.clock.sleep(seconds: 1000)
        let result = try await converge(world, fleet, notebook)
        #expect(result.plan.isSettled, "\(result.plan.lines)")
        #expect(world.state.withLock { $0.created.sorted() } == fleet.nodes.map(\.name).sorted())
    }

    @Test func aLostReplyDoublesNothing() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        world.state.withLock { $0.loseRepliesOfNew = true }
        let result = try await converge(world, fleet, notebook)
        #expect(result.plan.isSettled, "\(result.plan.lines)")
        #expect(world.state.withLock { $0.created.sorted() } == fleet.nodes.map(\.name).sorted())
    }

    @Test func aForeignVMIsLeftAlone() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        let foreign = ObservedVM(
            name: "demo-web-n1", status: .running, tags: ["theirs"], address: .init(host: "h", port: nil, user: nil), createdAt: nil,
            url: nil)
        world.state.withLock { $0.vms["demo-web-n1"] = foreign }
        let result = try await converge(world, fleet, notebook)
        #expect(
            result.plan.lines.contains { line in
                line.node == "demo-web-n1" && { if case .blocked = line.decision { true } else { false } }()
            })
        #expect(world.state.withLock { $0.vms["demo-web-n1"] } == foreign)
        #expect(!world.state.withLock { $0.log.contains { $0.hasSuffix("demo-web-n1") } })
    }

    @Test func shrinksInOrderAndOnlyWithPrune() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try Self.fleet()))
        _ = try await converge(world, try Self.fleet(), notebook)
        world.state.withLock { $0.log = [] }
        let kept = try await converge(world, try Self.fleet(web: 1, prune: false), notebook)
        #expect(kept.plan.isSettled && kept.effects == 0)
        let pruned = try await converge(world, try Self.fleet(web: 1), notebook)
        #expect(pruned.plan.isSettled, "\(pruned.plan.lines)")
        #expect(
            world.state.withLock { $0.log } == ["drain demo-web-n2", "stop demo-web-n2", "delete demo-web-n2", "remove demo-web-n2"])
    }

    @Test func changesALabelAndNothingElse() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try Self.fleet()))
        _ = try await converge(world, try Self.fleet(), notebook)
        world.state.withLock { $0.log = [] }
        let result = try await converge(world, try Self.fleet(label: "edge"), notebook)
        #expect(result.plan.isSettled)
        #expect(world.state.withLock { $0.log.sorted() } == ["shape demo-web-n1", "shape demo-web-n2"])
    }

    @Test func doesOnlyWhatWasApproved() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        _ = try await converge(world, fleet, notebook, approved: ["demo-cp-n1": [.createVM]])
        #expect(world.state.withLock { $0.log } == ["create demo-cp-n1"])
    }

    @Test func aLostServerIsNotFoundedAnew() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        _ = try await converge(world, fleet, notebook)
        world.state.withLock {
            $0.vms["demo-cp-n1"] = nil
            $0.nodes = [:]
            $0.log = []
        }
        let result = try await Reconciler(fleet: fleet, clock: world.clock, tell: { _ in }).look(world, ledger: notebook.current)
        let server = try #require(result.plan.lines.first { $0.node == "demo-cp-n1" })
        guard case .blocked = server.decision else {
            Issue.record("\(server.decision)")
            return
        }
        #expect(result.plan.actions.isEmpty)
    }

    /// The list lacks both web VMs and the batch one: unattended that is no reason to make them anew, and it passes when they are back.
    @Test func makesNothingAnewAfterAMassLossUnlessAskedTo() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try Self.fleet()))
        _ = try await converge(world, try Self.fleet(), notebook)
        let lost = world.state.withLock { state in
            let lost = state.vms.filter { !$0.key.contains("-cp-") }
            for name in lost.keys {
                state.vms[name] = nil
                state.nodes[name]?.ready = .unknown
            }
            state.log = []
            return lost
        }
        let daemon = Reconciler(fleet: try Self.fleet(), clock: world.clock, isAttended: false, tell: { _ in })
        let held = try await daemon.converge(
            world, ledger: notebook.current, memory: notebook, approved: nil, deadline: world.clock.now + 500)
        let blocks = held.plan.lines.compactMap { if case .blocked(let block) = $0.decision { block } else { nil } }
        #expect(blocks.count == 3 && blocks.allSatisfy(\.isBreaker), "\(held.plan.lines)")
        #expect(world.state.withLock { $0.log }.isEmpty)

        world.state.withLock { state in
            for (name, vm) in lost where name != "demo-web-n1" {
                state.vms[name] = vm
                state.nodes[name]?.ready = .ready
            }
        }
        let one = try await daemon.converge(
            world, ledger: notebook.current, memory: notebook, approved: nil, deadline: world.clock.now + 500)
        #expect(one.plan.isSettled && world.state.withLock { $0.created.count { $0 == "demo-web-n1" } } == 2, "\(one.plan.lines)")
    }

    @Test func leavesAFleetToWhoHoldsItsLease() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try Self.fleet()))
        _ = try await converge(world, try Self.fleet(), notebook)
        world.state.withLock { state in
            state.log = []
            state.rival = "other/1234"
        }
        let result = try await converge(world, try Self.fleet(label: "edge"), notebook)
        let blocks = result.plan.lines.compactMap { if case .blocked(let block) = $0.decision { block.code } else { nil } }
        #expect(blocks.count == 2 && blocks.allSatisfy { $0 == .leaseHeld })
        #expect(world.state.withLock { $0.log }.isEmpty)
        world.state.withLock { $0.rival = nil }
        #expect(try await converge(world, try Self.fleet(label: "edge"), notebook).plan.isSettled)
    }

    /// The audit log of a full disk.
    struct FullNotebook: Memory {
        func save(_ ledger: Ledger) throws {}
        func intend(_ action: Action, because: Reason, facts: FleetFacts) throws { throw EffectError("full", remedy: .retry(after: nil)) }
    }

    @Test func sendsNothingThatWasNotWrittenDown() async throws {
        let fleet = try Self.fleet()
        let world = FakeWorld()
        await #expect(throws: EffectError.self) {
            try await Reconciler(fleet: fleet, clock: world.clock, tell: { _ in }).converge(
                world, ledger: Notebook(fleet).current, memory: FullNotebook(), approved: nil, deadline: world.clock.now + 5000)
        }
        #expect(world.state.withLock { $0.effects } == 0)
    }

    @Test func lookingWritesNothing() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        let result = try await Reconciler(fleet: fleet, clock: world.clock, tell: { _ in }).look(world, ledger: notebook.current)
        #expect(result.plan.actions.count == 4 && !result.plan.isSettled)
        #expect(world.state.withLock { $0.effects } == 0)
    }
}
