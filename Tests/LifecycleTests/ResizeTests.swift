import K3s
import Testing

@testable import FleetCore

/// The table of `Resize`: what a node needs whose VM has another size than the file asks for.
@Suite struct ResizeTests {
    private static let (server, web, mate) = (Situation.server, Situation.web, Situation.mate)

    /// The file asks for four CPUs on every agent; `stage`: how far that has come on `web`.
    private static func larger(_ stage: ResizeRecord.Stage? = nil, _ change: @escaping @Sendable (inout Situation) -> Void = { _ in })
        -> @Sendable (inout Situation) -> Void
    {
        { situation in
            situation.asked { if $0.role == .agent { $0.vm.cpu = 4 } }
            if let stage { situation.resize(web, stage, VMSizes(cpu: 4)) }
            change(&situation)
        }
    }

    private static func disk(_ size: String, _ change: @escaping @Sendable (inout Situation) -> Void = { _ in })
        -> @Sendable (inout Situation) -> Void
    {
        { situation in
            situation.asked { if $0.name == web { $0.vm.disk = size } }
            change(&situation)
        }
    }

    private static func stopped(isFlushed: Bool) -> ObservedHost {
        Situation.host(isSetUp: true) { fields in
            fields.agent = UnitState(active: "inactive", sub: "dead", enabled: true, restarts: 0)
            fields.isFlushed = isFlushed
        }
    }

    /// The tests' time is 02:46.
    private static let closed = MaintenanceWindow(from: 600, to: 660)
    private static let approval = DiskApproval(requestedBytes: nil, selfServeBytes: 30 << 30, reasons: [])

    private static let rows: [Row] = [
        Row("the file asks for more CPUs", "act resizeVM SizeDiffers", larger()),
        Row("the next of its pool too, for it takes nothing from anybody", of: mate, "act resizeVM SizeDiffers", larger()),
        Row("it was asked for without an answer", "act resizeVM SizeDiffers", larger(.asked)),
        Row(
            "without an answer, and the list shows it", "act resizeVM SizeDiffers",
            larger(.asked) { $0.facts.observed.vms?[web]?.size.cpu = 4 }),
        Row("exe.dev said yes", "act evacuate SizeAwaitsRestart", larger(.answered)),
        Row(
            "exe.dev said yes, and the list shows it before the restart", "act evacuate SizeAwaitsRestart",
            larger(.answered) { $0.facts.observed.vms?[web]?.size.cpu = 4 }),
        Row(
            "another one of its pool is out of service", of: mate, "wait LimitReached",
            larger(.answered) { situation in
                situation.resize(mate, .answered, VMSizes(cpu: 4))
                situation.evacuate(web)
            }),
        Row("its pods are gone", "act flushDisk SizeAwaitsRestart", larger(.answered) { $0.evacuate(web) }),
        Row(
            "it is drained, and the file asks for the old size again", "act resizeVM SizeDiffers",
            { situation in
                situation.resize(web, .answered, VMSizes(cpu: 4))
                situation.evacuate(web)
            }),
        Row("k3s was told to stop, and its host was not looked into", "wait AwaitingProbe", larger(.stopping) { $0.evacuate(web) }),
        Row(
            "k3s has stopped, and was cut short", "act flushDisk SizeAwaitsRestart",
            larger(.stopping) {
                $0.evacuate(web)
                $0.facts.observed.hosts[web] = stopped(isFlushed: false)
            }),
        Row(
            "its disk is flushed", "act restartVM SizeAwaitsRestart",
            larger(.stopping) {
                $0.evacuate(web)
                $0.facts.observed.hosts[web] = stopped(isFlushed: true)
            }),
        Row(
            "its disk is flushed, and the cluster does not answer", "act restartVM SizeAwaitsRestart",
            larger(.stopping) {
                $0.facts.observed.hosts[web] = stopped(isFlushed: true)
                $0.withoutNode()
            }),
        Row(
            "its disk was flushed, and somebody started k3s", "act flushDisk SizeAwaitsRestart",
            larger(.stopping) {
                $0.evacuate(web)
                $0.facts.observed.hosts[web] = Situation.host(isSetUp: true) { $0.isFlushed = true }
            }),
        Row(
            "it does not answer after the restart", "wait HostUnreachable",
            larger(.restarting) { $0.facts.observed.hosts[web] = .unreachable("timed out") }),
        Row(
            "the restart had no answer and has not come", "act restartVM SizeAwaitsRestart",
            larger(.restarting) { $0.facts.observed.hosts[web] = stopped(isFlushed: true) }),
        Row("it is through", "act uncordon MaintenanceOver", larger(.done) { $0.through(web) }),
        Row(
            "it is through, and a list of before comes", "wait SizeUnconfirmed",
            larger(.done) { situation in
                situation.done(5)
                situation.facts.observed.vms?[web]?.size.cpu = 2
            }),
        Row(
            "it is through, and the lists tell the old size for a minute", "blocked ResizeIneffective",
            larger(.done) { situation in
                situation.done(70)
                situation.facts.observed.vms?[web]?.size.cpu = 2
            }),
        Row("somebody resized it", "act resizeVM SizeDiffers") { $0.facts.observed.vms?[web]?.size.cpu = 8 },
        Row("exe.dev's list has told other sizes since it was made", "settled") { situation in
            situation.facts.observed.vms?[web]?.size = .init(cpu: 2, memoryBytes: 3_700_000_000, diskBytes: 18_600_000_000)
            situation.facts.learn(listedAt: Situation.now)
        },
        Row("exe.dev's list has told other sizes since, and now others", "act resizeVM SizeDiffers") { situation in
            situation.instance { $0.listedSize = .init(cpu: 2, memoryBytes: 3_700_000_000) }
            situation.facts.observed.vms?[web]?.size = .init(cpu: 2, memoryBytes: 7_400_000_000)
        },
        Row("exe.dev's list has told other sizes since, and the file asks for more", "act resizeVM SizeDiffers") { situation in
            situation.asked { if $0.name == web { $0.vm.memory = "8GB" } }
            situation.instance { $0.listedSize = .init(memoryBytes: 3_700_000_000) }
            situation.facts.observed.vms?[web]?.size = .init(memoryBytes: 3_700_000_000)
        },
        Row("somebody resized it, and one list says so", "wait SizeUnconfirmed") {
            $0.facts.listedAt = Situation.now
            $0.instance { $0.listedSize = .init(cpu: 2) }
            $0.facts.observed.vms?[web]?.size.cpu = 8
            $0.facts.learn(listedAt: Situation.now)
        },
        Row("somebody resized it, and two lists say so", "act resizeVM SizeDiffers") {
            $0.facts.listedAt = Situation.now
            $0.instance { $0.listedSize = .init(cpu: 2) }
            $0.facts.observed.vms?[web]?.size.cpu = 8
            $0.facts.learn(listedAt: Situation.now - 6)
        },
        Row("a larger disk", "act resizeVM SizeDiffers", disk("40GB")),
        Row("a smaller disk", "blocked DiskNotShrinkable", disk("10GB")),
        Row("a larger disk by hand", "blocked DiskNotShrinkable") { $0.facts.observed.vms?[web]?.size.diskBytes = 40 << 30 },
        Row(
            "a disk that waits for an approval", "blocked DiskAwaitsApproval",
            disk("40GB") { situation in
                situation.resize(web, .done, VMSizes(disk: "40GB"))
                situation.instance { $0.resize?.approval = approval }
            }),
        Row("an agent in a closed window", "act resizeVM SizeDiffers", larger { $0.windows([closed]) }),
        Row("an agent in a closed window, and exe.dev said yes", "wait WindowClosed", larger(.answered) { $0.windows([closed]) }),
    ]

    @Test(arguments: rows) func theFirstRuleThatAppliesDecides(row: Row) throws { try row.check() }

    /// Who approves the plan approves the whole way.
    @Test func thePlanSaysTheWholeWay() throws {
        var situation = try Situation()
        Self.larger()(&situation)
        let item = try #require(situation.item(Self.web))
        #expect(item.then == [.evacuate, .flushDisk, .restartVM, .uncordon])
        #expect(item.decision.action?.step.detail == "cpu 2 to 4" && item.decision.action?.words == "resize VM")
        Self.larger(.answered)(&situation)
        #expect(situation.item(Self.web)?.then == [.flushDisk, .restartVM, .uncordon])
        var disk = try Situation()
        Self.disk("40GB")(&disk)
        #expect(disk.item(Self.web)?.then == [])
    }

    /// What a list and a host tell ends what the ledger remembers.
    @Test func theLedgerForgetsWhatIsShown() throws {
        var situation = try Situation()
        Self.larger(.restarting)(&situation)
        situation.facts.observed.hosts[Self.web] = Situation.host(isSetUp: true)
        situation.facts.learn(listedAt: Situation.now)
        #expect(situation.facts.record(Self.web)?.instance?.resize?.stage == .done)
        #expect(situation.facts.record(Self.web)?.instance?.spec?.cpu == 4)
        situation.facts.observed.vms?[Self.web]?.size.cpu = 2
        situation.facts.learn(listedAt: Situation.now + 5)
        #expect(situation.facts.record(Self.web)?.instance?.resize != nil)
        situation.facts.observed.vms?[Self.web]?.size.cpu = 4
        situation.facts.learn(listedAt: Situation.now + 5)
        #expect(situation.facts.record(Self.web)?.instance?.resize == nil && situation.decision(Self.web) == "settled")
    }

    /// Memory of 4GB may be told as 4000 or 4096 million bytes.
    @Test func sizesAreComparedWithTolerance() throws {
        for bytes in [4_000_000_000, 4 << 30] {
            var situation = try Situation()
            situation.facts.observed.vms?[Self.web]?.size = .init(cpu: 2, memoryBytes: bytes, diskBytes: 20_000_000_000)
            #expect(situation.decision(Self.web) == "settled")
        }
    }
}

extension Situation {
    /// The same with nodes asked for otherwise.
    fileprivate mutating func asked(_ change: (inout DesiredNode) -> Void) {
        var fleet = facts.fleet
        for index in fleet.nodes.indices { change(&fleet.nodes[index]) }
        var changed = FleetFacts(fleet: fleet, observed: facts.observed, ledger: facts.ledger, now: facts.now)
        (changed.uptime, changed.digest) = (facts.uptime, facts.digest)
        facts = changed
    }

    fileprivate mutating func resize(_ name: String, _ stage: ResizeRecord.Stage, _ sizes: VMSizes) {
        instance(name) { instance in
            instance.resize = ResizeRecord(sizes: sizes)
            instance.resize?.stage = stage
            if stage == .done { instance.resize?.doneAt = Situation.now - 5 }
        }
    }

    fileprivate mutating func evacuate(_ name: String) {
        node(name) { ($0.unschedulable, $0.annotations[NodeAnnotation.maintenance]) = (true, "yes") }
        instance(name) { instance in
            instance.maintenance = Maintenance()
            instance.maintenance?.isDrained = true
        }
    }

    /// So many seconds ago.
    fileprivate mutating func done(_ seconds: Double) {
        instance { instance in
            instance.spec?.cpu = 4
            instance.resize?.doneAt = Situation.now - seconds
        }
    }

    /// Up with its new size, and still cordoned.
    fileprivate mutating func through(_ name: String) {
        evacuate(name)
        instance(name) { $0.spec?.cpu = 4 }
    }
}
