import FleetCore
import K3s
import Reconciler
import Synchronization
import Testing

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
        #expect(result.plan.isSettled, "\(result.plan.items)")
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
        #expect(result.plan.isSettled, "\(result.plan.items)")
        #expect(world.state.withLock { $0.created.sorted() } == fleet.nodes.map(\.name).sorted())
    }

    @Test func aLostReplyDoublesNothing() async throws {
        let fleet = try Self.fleet()
        let (world, notebook) = (FakeWorld(), Notebook(fleet))
        world.state.withLock { $0.loseRepliesOfNew = true }
        let result = try await converge(world, fleet, notebook)
        #expect(result.plan.isSettled, "\(result.plan.items)")
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
            result.plan.items.contains { line in
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
        #expect(pruned.plan.isSettled, "\(pruned.plan.items)")
        #expect(
            world.state.withLock { $0.log } == ["drain demo-web-n2", "stop demo-web-n2", "deleteNode demo-web-n2", "remove demo-web-n2"])
    }

    @Test func changesALabelAndNothingElse() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try Self.fleet()))
        _ = try await converge(world, try Self.fleet(), notebook)
        world.state.withLock { $0.log = [] }
        let result = try await converge(world, try Self.fleet(label: "edge"), notebook)
        #expect(result.plan.isSettled)
        #expect(world.state.withLock { $0.log.sorted() } == ["patchNode demo-web-n1", "patchNode demo-web-n2"])
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
        let server = try #require(result.plan.items.first { $0.node == "demo-cp-n1" })
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
        let blocks = held.plan.items.compactMap { if case .blocked(let block) = $0.decision { block } else { nil } }
        #expect(blocks.count == 3 && blocks.allSatisfy(\.isBreaker), "\(held.plan.items)")
        #expect(world.state.withLock { $0.log }.isEmpty)

        world.state.withLock { state in
            for (name, vm) in lost where name != "demo-web-n1" {
                state.vms[name] = vm
                state.nodes[name]?.ready = .ready
            }
        }
        let one = try await daemon.converge(
            world, ledger: notebook.current, memory: notebook, approved: nil, deadline: world.clock.now + 500)
        #expect(one.plan.isSettled && world.state.withLock { $0.created.count { $0 == "demo-web-n1" } } == 2, "\(one.plan.items)")
    }

    @Test func leavesAFleetToWhoHoldsItsLease() async throws {
        let (world, notebook) = (FakeWorld(), Notebook(try Self.fleet()))
        _ = try await converge(world, try Self.fleet(), notebook)
        world.state.withLock { state in
            state.log = []
            state.rival = "other/1234"
        }
        let result = try await converge(world, try Self.fleet(label: "edge"), notebook)
        let blocks = result.plan.items.compactMap { if case .blocked(let block) = $0.decision { block.code } else { nil } }
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
