import FleetCore
import K3s
import Testing

@testable import Reconciler
@testable import Simulation

/// Each oracle alone: what it complains of and what it excuses, without a trial around it.
@Suite struct OracleTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var oracle: any Oracle
        var complaint: String?
        var arrange: @Sendable (inout WorldState) -> Void
        var occurrences: @Sendable (WorldState) -> [Occurrence]

        init(
            _ words: String, _ oracle: any Oracle, _ complaint: String? = nil,
            arrange: @escaping @Sendable (inout WorldState) -> Void = { _ in },
            when occurrences: @escaping @Sendable (WorldState) -> [Occurrence]
        ) {
            (testDescription, self.oracle, self.complaint) = (words, oracle, complaint)
            (self.arrange, self.occurrences) = (arrange, occurrences)
        }
    }

    /// Four agents of the pool `web` stand; processes 0 and 1 apply a file that asks for two of them and no more than five VMs.
    private static let start = Result {
        var world = try WorldState.standing(FleetSketch(web: 4).fleet())
        let fleet = FleetSketch(maxVMs: 5).fleet()
        world.processes = [.init(mode: .apply, fleet: fleet, desk: 0), .init(mode: .apply, fleet: fleet, desk: 0)]
        world.desks[0].lockHolder = 0
        return world
    }

    @Test(arguments: removals + budgets + creations + locks + fences + repeats + versions) func complains(row: Row) throws {
        var world = try Self.start.get()
        row.arrange(&world)
        var judges = Judges([row.oracle])
        let last = (world.occurrences + row.occurrences(world)).map { judges.judge($0, in: world) }.last
        let complaints = try #require(last)
        if let complaint = row.complaint {
            #expect(complaints.count == 1 && complaints[0].hasPrefix(type(of: row.oracle).name) && complaints[0].hasSuffix(complaint))
        } else {
            #expect(complaints == [] && judges.complaints == [])
        }
    }

    // MARK: S1 and S6

    private static let own = OwnAndRecordedVMsOnly()
    private static let removed: @Sendable (WorldState) -> [Occurrence] = { _ in
        [.sent(Effect(.removeVM(RemoveVM(node: "demo-web-n4"))), by: 0)]
    }

    /// A ledger in which the removal of `names` has begun, saved in place of the one on disk or of another such.
    private static func saved(_ names: [String], after last: [String] = [], in world: WorldState) -> Occurrence {
        func ledger(_ names: [String]) -> Ledger {
            var ledger = world.disk!
            for name in names { ledger.removalReached(.begun, name) }
            return ledger
        }
        return .saved(ledger(names), replacing: ledger(last), by: 0)
    }

    private static let (third, fourth) = ("demo-web-n3", "demo-web-n4")

    private static let removals: [Row] = [
        Row("S1 ours and recorded", own, when: removed),
        Row("S1 without our tag", own, "has not our tag", arrange: { $0.machines[$0.at(fourth)!].tags = [] }, when: removed),
        Row("S1 not in the ledger", own, "the ledger does not know it", arrange: { $0.disk?.nodes[fourth] = nil }, when: removed),
        Row(
            "S1 a Node without VM", own, "the ledger does not know it",
            arrange: { world in
                world.disk?.nodes[fourth] = nil
                world.vanish(fourth)
            }, when: removed),
        Row(
            "S1 destroy asks for the tag alone", own,
            arrange: { world in
                world.disk?.nodes[fourth] = nil
                world.processes[0].mode = .destroy
            }, when: removed),
        Row("S1 a Node of others", own, "the ledger does not know it") { _ in
            [.sent(Effect(.deleteNode(DeleteNode(node: "theirs", ifSilent: true)), on: "demo-cp-n1"), by: 0)]
        },
        Row("S6 one removal", RemovalsStayInBudget()) { [saved([third], in: $0)] },
        Row("S6 two at once", RemovalsStayInBudget(), "on their way out, the limit is 1") { [saved([third, fourth], in: $0)] },
        Row("S6 the second before the first is gone", RemovalsStayInBudget(), "the limit is 1") {
            [saved([third], in: $0), saved([third, fourth], after: [third], in: $0)]
        },
        Row("S6 the second after the first is gone", RemovalsStayInBudget()) {
            [saved([third], in: $0), .vanished(third, wasReady: false), saved([fourth], in: $0)]
        },
        Row("S6 the second after the first was given back", RemovalsStayInBudget()) {
            [saved([third], in: $0), saved([], after: [third], in: $0), saved([fourth], in: $0)]
        },
        Row("S6 the second after two lists without the first", RemovalsStayInBudget()) { world in
            let truth = world.list(back: 0)
            let lie = Occurrence.misled(list: truth.filter { $0.name != third }, truth: truth)
            return [saved([third], in: world), lie, lie, saved([third, fourth], after: [third], in: world)]
        },
        Row("S6 what a lost write knew", RemovalsStayInBudget(), arrange: { $0.struck = [Fault(.crashAndDamage, at: .effect(0))] }) {
            [saved([third], in: $0), saved([fourth], in: $0)]
        },
    ]

    // MARK: S7

    private static func create(_ name: String, _ world: WorldState) -> Effect {
        let fleet = world.processes[0].fleet
        return Effect(.createVM(CreateVM(node: name, vm: fleet.nodes[0].vm, ownerTag: fleet.cluster.tag)))
    }

    private static let budgets: [Row] = [
        Row("S7 one more than there may be", CreationsFitTheBudget(), "7 would exist, the limit is 5") {
            [.sent(create("demo-web-n9", $0), by: 0)]
        },
        Row("S7 as many as there may be", CreationsFitTheBudget(), arrange: { for name in [third, fourth] { $0.vanish(name) } }) {
            [.sent(create(third, $0), by: 0)]
        },
        Row(
            "S7 what is on its way counts", CreationsFitTheBudget(), "6 would exist, the limit is 5",
            arrange: { world in
                for name in [third, fourth] { world.vanish(name) }
                world.inFlight[0] = (create(third, world), 0)
            }
        ) { [.sent(create(fourth, $0), by: 0)] },
        Row("S7 another machine's requests", CreationsFitTheBudget(), arrange: { $0.struck = [Fault(.rival, at: .effect(0))] }) {
            [.sent(create("demo-web-n9", $0), by: 0)]
        },
        Row("S7 too many exist", VMsStayInBudget(), "6 exist, the limit is 5") { [.carriedOut(create(fourth, $0), by: 0)] },
        Row("S7 others are not counted", VMsStayInBudget(), arrange: { $0.machines[$0.at(fourth)!].tags = ["theirs"] }) {
            [.carriedOut(create(third, $0), by: 0)]
        },
    ]

    // MARK: S8

    private static let living = NoCreationOverALivingNode()
    private static let created: @Sendable (WorldState) -> [Occurrence] = { [.sent(create(fourth, $0), by: 0)] }

    private static let creations: [Row] = [
        Row("S8 a living node", living, "its VM and its node are alive", when: created),
        Row("S8 a VM that is gone", living, arrange: { $0.vanish(fourth) }, when: created),
        Row("S8 two lists without it", living) { world in
            let truth = world.list(back: 0)
            let lie = Occurrence.misled(list: truth.filter { $0.name != fourth }, truth: truth)
            return [lie, lie] + created(world)
        },
        Row(
            "S8 one is under way", living, "still under way at exe.dev",
            arrange: { world in
                world.vanish(fourth)
                world.late = [.init(at: world.now + 20, effect: create(fourth, world), process: 0)]
            }, when: created),
        Row("S8 its creation was answered", living, "that its VM is there", arrange: { $0.freeze(fourth) }) { world in
            [.answered(create(fourth, world), by: 0, isDone: true)] + created(world)
        },
        Row("S8 its creation was answered, and it failed since", living, arrange: { $0.freeze(fourth) }) { world in
            [.answered(create(fourth, world), by: 0, isDone: true), .failed(fourth)] + created(world)
        },
        Row("S8 one VM a name", NoDuplicateVM()) { _ in [.created(fourth), .vanished(fourth, wasReady: true), .created(fourth)] },
        Row("S8 two VMs of a name", NoDuplicateVM(), "createVM demo-web-n4") {
            [.created(fourth), .created(fourth), .carriedOut(create(fourth, $0), by: 0)]
        },
    ]

    // MARK: S11

    private static let lease = TheLeaseIsHeld()

    private static func hold(_ desk: Int, for seconds: Double) -> @Sendable (inout WorldState) -> Void {
        { world in
            world.clusters[0].leases[WorldState.leaseName] = .init(
                holder: WorldState.holder(desk), renewedAt: world.now - 60, seconds: Int(60 + seconds), number: 1)
        }
    }

    private static let locks: [Row] = [
        Row("S11 it holds the lock", TheLockIsHeld(), when: removed),
        Row("S11 another process holds it", TheLockIsHeld(), "process 1 acts, 0 holds the lock") { _ in
            [.sent(Effect(.removeVM(RemoveVM(node: fourth))), by: 1)]
        },
        Row("S11 nobody holds it", TheLockIsHeld(), "nobody holds the lock", arrange: { $0.desks[0].lockHolder = nil }, when: removed),
        Row("S11 it holds the Lease", lease, arrange: hold(0, for: 60), when: removed),
        Row("S11 another machine holds it", lease, "desk-0 acts while desk-1 holds the lease", arrange: hold(1, for: 60), when: removed),
        Row("S11 it has run out", lease, arrange: hold(1, for: -1), when: removed),
        Row("S11 the server is silent", lease, arrange: hold(1, for: 60)) { _ in
            [.sent(Effect(.startVM(StartVM(node: "demo-cp-n1"))), by: 0)]
        },
        Row("S11 the server has answered", lease, "desk-1 holds the lease", arrange: hold(1, for: 60)) { _ in
            [.clusterRead([], by: 0), .sent(Effect(.startVM(StartVM(node: "demo-cp-n1"))), by: 0)]
        },
    ]

    private static let stop = Effect(.stop(Stop(node: fourth, role: .agent)), on: fourth)

    private static let fences: [Row] = [
        Row("S11 in its turn", NothingOlderIsObeyed()) { _ in
            [.leased(1, by: 0), .sent(stop, by: 0), .obeyed(stop, by: 0), .leased(2, by: 1), .sent(stop, by: 1), .obeyed(stop, by: 1)]
        },
        Row("S11 what arrives late", NothingOlderIsObeyed(), "decided under 1, and demo-web-n4 has obeyed 2") { _ in
            [.leased(1, by: 0), .sent(stop, by: 0), .leased(2, by: 1), .sent(stop, by: 1), .obeyed(stop, by: 1), .obeyed(stop, by: 0)]
        },
        Row("S11 late, and there first", NothingOlderIsObeyed()) { _ in
            [.leased(1, by: 0), .sent(stop, by: 0), .leased(2, by: 1), .sent(stop, by: 1), .obeyed(stop, by: 0), .obeyed(stop, by: 1)]
        },
        Row("S11 without a Lease", NothingOlderIsObeyed()) { _ in
            [.leased(2, by: 1), .sent(stop, by: 1), .obeyed(stop, by: 1), .sent(stop, by: 0), .obeyed(stop, by: 0)]
        },
        Row("S11 without a Lease, and late", NothingOlderIsObeyed(), "decided under 1, and demo-web-n4 has obeyed 2") { _ in
            [.sent(stop, by: 0), .leased(2, by: 1), .sent(stop, by: 1), .obeyed(stop, by: 1), .obeyed(stop, by: 0)]
        },
    ]

    private static func flaps(_ name: String) -> @Sendable (inout WorldState) -> Void {
        { world in if let place = world.at(name) { world.machines[place].flapsUntil = world.now + 60 } }
    }

    private static func sent(_ steps: Effect..., times: Int = 1) -> @Sendable (WorldState) -> [Occurrence] {
        { _ in (0..<times).flatMap { _ in steps.map { .sent($0, by: 0) } } }
    }

    private static let repeats: [Row] = [
        Row(
            "Ready flapping, started again", FlappingNodesAreLeftAlone(), "comes and goes", arrange: flaps("demo-web-n1"),
            when: sent(Effect(.startVM(StartVM(node: "demo-web-n1"))))),
        Row("Ready flapping, and not wanted", FlappingNodesAreLeftAlone(), arrange: flaps(fourth), when: removed),
        Row("not flapping any more", FlappingNodesAreLeftAlone(), when: sent(Effect(.startVM(StartVM(node: "demo-web-n1"))))),
        Row("sent often", NothingIsRepeatedForEver(), when: sent(stop, times: 6)),
        Row("sent too often", NothingIsRepeatedForEver(), "for the 7th time", when: sent(stop, times: 7)),
        Row("sent often, with progress between", NothingIsRepeatedForEver()) { world in
            let other = Effect(.removeVM(RemoveVM(node: fourth)))
            return sent(stop, times: 6)(world) + [.sent(other, by: 0), .answered(other, by: 0, isDone: true)] + sent(stop, times: 6)(world)
        },
        Row(
            "sent too often for one fault", NothingIsRepeatedForEver(), "for the 10th time",
            arrange: { $0.struck = [Fault(.api(.dns), at: .effect(0))] }, when: sent(stop, times: 10)),
    ]

    // MARK: S3, S10 and S12, of which no missing rule of the product makes a case, because types or other rules keep it from one

    private static func install(
        on name: String, _ world: WorldState, version: K3sVersion = K3sVersion("v1.34.9+k3s1")!,
        _ change: (inout NodeSetup) -> Void = { _ in }
    ) -> [Occurrence] {
        var setup = world.machine(name)!.disk.setup!
        change(&setup)
        return [.sent(Effect(.install(Install(setup, digest: "d", version: version)), on: name), by: 0)]
    }

    private static func prepare(_ version: K3sVersion) -> [Occurrence] {
        let host = HostPreparation(
            node: fourth, role: .agent, version: version, expectedSHA256: nil, clusterID: "", clusterCIDR: "", serviceCIDR: "")
        return [.sent(Effect(.prepare(Prepare(host)), on: fourth), by: 0)]
    }

    private static let others = ["v1.34.8+k3s1", "v1.36.0+k3s1", "v1.35.0+k3s1"].map { K3sVersion($0)! }

    private static let versions: [Row] =
        others.map { version in
            // What an install starts is the binary that is there.
            Row(
                "S10 install \(version)", VersionsKeepTheirOrder(), "",
                arrange: { world in if let place = world.at(fourth) { world.machines[place].disk.binary = version } }
            ) { install(on: fourth, $0, version: version) }
        }
        + others.map { version in
            Row("S10 prepare \(version)", VersionsKeepTheirOrder(), "v1.34.9+k3s1 is in use there") { _ in prepare(version) }
        } + [
            Row("S10 the same version", VersionsKeepTheirOrder()) { install(on: fourth, $0) },
            Row("S3 a server learns", OneLearnerAtATime(), arrange: { $0.promote(third) }) { world in
                install(on: "demo-cp-n1", world) { $0.disable = ["traefik"] }
            },
            Row(
                "S3 another one learns", OneLearnerAtATime(), "[\"demo-web-n4\"] still learn",
                arrange: { world in
                    world.promote(third)
                    let now = world.now
                    try? world.clusters[0].etcd?.join(fourth, up: ["demo-cp-n1", third], now: now)
                }
            ) { world in install(on: "demo-cp-n1", world) { $0.disable = ["traefik"] } },
            Row(
                "S12 a look that acts", LookingWritesNothing(), "a read has an effect", arrange: { $0.processes[0].mode = .read },
                when: removed),
            Row("S12 an apply that acts", LookingWritesNothing(), when: removed),
            Row("a VM is reset while its k3s runs", ResizesKeepTheirOrder(), "its disk was not flushed") { _ in [.sent(reset, by: 0)] },
            Row("a VM is reset that was flushed", ResizesKeepTheirOrder(), arrange: flushed) { _ in [.sent(reset, by: 0)] },
            Row("a VM is reset twice", ResizesKeepTheirOrder(), "it was restarted already", arrange: flushed) { _ in
                [.sent(reset, by: 0), .answered(reset, by: 0, isDone: true), .sent(reset, by: 0)]
            },
            Row("k3s stops with its pods", ResizesKeepTheirOrder(), "its pods were not evicted") { _ in [.sent(flush, by: 0)] },
            Row("k3s stops without its pods", ResizesKeepTheirOrder()) { _ in [.drained(fourth), .sent(flush, by: 0)] },
        ]

    private static let reset = Effect(.restartVM(RestartVM(node: fourth, role: .agent)))
    private static let flush = Effect(.flushDisk(FlushDisk(node: fourth, role: .agent)), on: fourth)

    @Sendable private static func flushed(_ world: inout WorldState) {
        guard let place = world.at(fourth) else { return }
        (world.machines[place].isFlushed, world.machines[place].unit) = (true, nil)
    }
}
