import FleetCore
import K3s
import Testing

@testable import Reconciler

@Suite struct RunTests {
    /// A list of VMs that was asked for before one was made and comes after.
    private static func afterAnOldList(disabledRules: Set<SafetyRule>) throws -> Bool {
        let fleet = try ConvergeTests.fleet()
        let clock = VirtualClock()
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true, disabledRules: disabledRules)
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        let action = try #require(run.plan.actions.first)
        run.begin(action, at: Moment(clock))
        run.reads.begin(.vms, at: 0)
        let vm = ObservedVM(
            name: action.node, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
            createdAt: "then", url: nil)
        run.note(.did(action, .success(.created(vm)), seconds: 1), at: Moment(clock), tell: { _ in })
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        return run.facts.observed.vms?[action.node] != nil
    }

    /// The guard `outdatedRead`; exedev-sim guards names this test.
    @Test func aListFromBeforeAChangeIsThrownAway() throws {
        #expect(try Self.afterAnOldList(disabledRules: []))
        #expect(try !Self.afterAnOldList(disabledRules: [.outdatedRead]))
    }

    /// What refused one host's key refuses every other's: no more VMs are made for it.
    @Test func aRefusedKeyStopsCreations() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let node = try #require(fleet.nodes.first)
        var run = Self.run(knowing: node.name, fleet)
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        let others = run.plan.actions.count { $0.kind == .createVM && $0.node != node.name }
        #expect(others == fleet.nodes.count - 1)
        let host = HostPreparation(
            node: node.name, role: node.role, version: node.k3s, expectedSHA256: nil, clusterID: "c1", clusterCIDR: "", serviceCIDR: "")
        let error = EffectError("used", remedy: .refused(.overlayRefused(.keyUsed, words: "authkey already used")))
        run.note(.did(.prepare(Prepare(host)), .failure(error), seconds: 1), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect(run.plan.actions == [])
        #expect(run.plan.items.allSatisfy { $0.decision.reason?.code == .overlayRefused || $0.node == node.name })
    }

    /// A daemon's next pass does not wait for the whole time again, asks the host, and goes on when it answers.
    @Test func troubleOutlastsAPass() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let node = try #require(fleet.nodes.last { $0.role == .agent })
        let vm = ObservedVM(
            name: node.name, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
            createdAt: "then", url: nil)
        func pass(_ troubled: [String: Trouble], _ host: ObservedHost) -> Run {
            var run = Run(
                fleet: fleet,
                ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
                repeats: true, troubled: troubled)
            run.note(.observed(.vms, .vms([vm])), at: Moment(clock), tell: { _ in })
            run.decide(at: Moment(clock))
            run.note(.observed(.host(node.name), .host(node.name, host)), at: Moment(clock), tell: { _ in })
            run.decide(at: Moment(clock))
            return run
        }
        func code(_ run: Run) -> Reason.Code? { run.plan.items.first { $0.node == node.name }?.decision.reason?.code }
        let first = pass([:], .unreachable("timed out"))
        #expect(code(first) == .hostUnreachable)
        clock.pass(seconds: 180)
        let second = pass(first.result().troubled, .unreachable("timed out"))
        #expect(code(second) == .waitTimedOut)
        var fields = ProbeFields()
        (fields.hostname, fields.systemd) = (node.name, "running")
        let third = pass(second.result().troubled, .probed(HostProbe(fields)))
        #expect(code(third) == .hostUnprepared && third.result().troubled == [:])
    }

    /// So is what was seen inside the machine before, and what is being read there.
    @Test func whatWasSeenInsideTheMachineBeforeIsThrownAway() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let node = try #require(fleet.nodes.first)
        var run = Self.run(knowing: node.name, fleet)
        func look() {
            run.note(.observed(.host(node.name), .host(node.name, .unreachable("of before"))), at: Moment(clock), tell: { _ in })
        }
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        look()
        #expect(run.facts.observed.hosts[node.name] != nil)
        let action = Action.createVM(CreateVM(node: node.name, vm: node.vm, ownerTag: fleet.cluster.tag))
        run.begin(action, at: Moment(clock))
        run.reads.begin(.host(node.name), at: 0)
        let vm = ObservedVM(
            name: node.name, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
            createdAt: "later", url: nil)
        run.note(.did(action, .success(.created(vm)), seconds: 1), at: Moment(clock), tell: { _ in })
        #expect(run.facts.observed.hosts[node.name] == nil)
        look()
        #expect(run.facts.observed.hosts[node.name] == nil)
        look()
        #expect(run.facts.observed.hosts[node.name] != nil)
    }

    private static func run(knowing name: String, _ fleet: DesiredFleet) -> Run {
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        ledger.nodes[name] = .present(Instance(createdAt: "then"))
        return Run(fleet: fleet, ledger: ledger, repeats: true)
    }

    /// A VM is taken for gone when two lists lack it, and the second of them shows nothing that the first did not.
    @Test func aListThatShowsNothingNewIsJudged() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let name = try #require(fleet.nodes.first?.name)
        var run = Self.run(knowing: name, fleet)
        for seconds in [0.0, 6] {
            clock.pass(seconds: seconds)
            run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
            #expect(run.mayDiffer(at: Moment(clock)))
            run.decide(at: Moment(clock))
            #expect(run.plan.items.first { $0.node == name }?.decision.action != nil || seconds == 0)
        }
    }

    /// Time alone ends a back-off: the loop sleeps until then, and not a moment less.
    @Test func theEndOfABackOffIsWaitedForAndJudged() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let name = try #require(fleet.nodes.first?.name)
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true)
        run.facts.ledger.attempts[name] = .init(count: 1, notBefore: clock.now + 7, failure: "it failed", failedAt: clock.now)
        run.reads.begin(.vms, at: 0)
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect(run.plan.items.first { $0.node == name }?.decision.action == nil)
        for (read, _) in run.readsDue(at: Moment(clock)) { _ = run.reads.end(read, clock.uptime) }
        clock.pass(seconds: 3)
        run.decide(at: Moment(clock))
        #expect(run.readsDue(at: Moment(clock)).isEmpty)
        clock.pass(seconds: 4.01)
        #expect(run.mayDiffer(at: Moment(clock)))
        run.decide(at: Moment(clock))
        // By the VMs that there are then.
        #expect(run.plan.items.first { $0.node == name }?.decision.action == nil)
        #expect(run.readsDue(at: Moment(clock)).map(\.0) == [.vms])
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect(run.plan.items.first { $0.node == name }?.decision.action?.kind == .createVM)
    }

    /// A list that was long on its way shows nothing of what came about meanwhile: a creation without an answer is waited for by when it was asked for.
    @Test func aListIsAsOldAsItsQuestion() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let name = try #require(fleet.nodes.first?.name)
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true)
        run.facts.ledger.nodes[name] = .requested(VMRequest(sentAt: clock.now - 20))
        run.decide(at: Moment(clock))
        for (seconds, isCreated) in [(0.1, false), (25, false), (10, true)] {
            #expect(run.readsDue(at: Moment(clock)).map(\.0) == [.vms])
            clock.pass(seconds: seconds)
            run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
            run.decide(at: Moment(clock))
            let step = run.plan.items.first { $0.node == name }?.decision.action?.kind
            #expect((step == .createVM) == isCreated)
            clock.pass(seconds: 5)
        }
    }

    /// A reading that was long on its way shows nobody who joined meanwhile.
    @Test func aReadingIsAsOldAsItsQuestion() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let server = try #require(fleet.nodes.first { $0.role == .server }?.name)
        var run = Self.run(knowing: server, fleet)
        (run.facts.ledger.founder, run.facts.ledger.caHash) = (server, "ca")
        let vm = ObservedVM(
            name: server, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil), createdAt: "then",
            url: nil)
        run.note(.observed(.vms, .vms([vm])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        let asked = clock.now
        #expect(run.readsDue(at: Moment(clock)).map(\.0) == [.cluster])
        clock.pass(seconds: 8)
        run.note(.observed(.cluster, .cluster(.read(ClusterReading()))), at: Moment(clock), tell: { _ in })
        #expect(run.facts.readAt?.wall == asked && run.facts.readAt?.uptime == asked)
    }

    /// By a clock that is set back nothing was asked for later than now, else it would be taken for news for as long as the clock was set back.
    @Test func aClockThatIsSetBackMakesNothingYounger() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        var (run, moment) = (Self.run(knowing: try #require(fleet.nodes.first?.name), fleet), Moment(clock))
        run.note(.observed(.vms, .vms([])), at: moment, tell: { _ in })
        run.facts.readAt = (moment.wall, moment.uptime)
        run.decide(at: moment)
        let (listedAt, uptime) = (moment.wall, moment.uptime)
        #expect(run.listedAt == listedAt && run.facts.listedAt == listedAt)
        (moment.wall, moment.uptime) = (moment.wall - 3600, moment.uptime + 1)
        run.decide(at: moment)
        #expect(run.listedAt == moment.wall && run.facts.listedAt == moment.wall)
        #expect(run.facts.readAt?.wall == moment.wall && run.facts.readAt?.uptime == uptime)
    }

    /// Of sleepers that were sent off for a later time none is sent off again when an earlier one has woken.
    @Test func nobodySleepsTwiceForOneTime() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        var run = Run(
            fleet: fleet, ledger: Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
            repeats: true)
        run.decide(at: Moment(clock))
        let start = clock.uptime
        run.sleepers = [start + 1, start + 2]
        clock.pass(seconds: 1)
        run.note(.woke(start + 1), at: Moment(clock), tell: { _ in })
        #expect(run.sleepers == [start + 2])
        #expect(run.pause(Moment(clock), deadline: start + 2) == nil)
        #expect(run.pause(Moment(clock), deadline: start + 1.5) == 0.5)
    }

    /// The loop turns even while it only waits for a read. If it did not, the process was paused, and answers to earlier reads are dropped.
    @Test(arguments: [(9.0, true), (11, false)]) func whoStoodStillLooksAgain(seconds: Double, isKept: Bool) throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        var run = Self.run(knowing: try #require(fleet.nodes.first?.name), fleet)
        run.decide(at: Moment(clock))
        #expect(run.readsDue(at: Moment(clock)).map(\.0) == [.vms])
        run.waits(from: clock.uptime)
        let pause = run.pause(Moment(clock), deadline: nil)
        #expect(pause.map { $0 < Run.standstill / 2 } == true)
        clock.pass(seconds: seconds)
        run.turns(uptime: clock.uptime)
        run.note(.observed(.vms, .vms([])), at: Moment(clock), tell: { _ in })
        #expect((run.facts.observed.vms != nil) == isKept)
    }

    /// A machine on which k3s was not stopped may have joined once more before it went.
    @Test(arguments: [true, false]) func aRemovedVMIsRememberedWhileItsNodeMayComeBack(isStopped: Bool) throws {
        let name = "demo-web-n9"
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        var instance = Instance(createdAt: "then")
        instance.startedAt = 1
        ledger.nodes[name] = .present(instance)
        for action in [
            Action.stop(Stop(node: name, role: .agent)), .deleteNode(DeleteNode(node: name, ifSilent: true)),
            .removeVM(RemoveVM(node: name)),
        ] {
            action.step.before(&ledger, now: 100)
            if action.kind == .stop, !isStopped { continue }
            action.step.after(&ledger, .done(output: ""), now: 100)
        }
        guard !isStopped else { return #expect(ledger.nodes[name] == nil) }
        let record = try #require(ledger.nodes[name])
        #expect(record.removedAt == 100 && !record.isOccupant && !record.isHalfRemoved)
        // By a clock that is set back the next reading is not older.
        ledger.comeBack(to: 50)
        #expect(ledger.nodes[name]?.removedAt == 50)
        // A recreated VM is another one.
        let shape = try #require(ConvergeTests.fleet().nodes.first?.vm)
        CreateVM(node: name, vm: shape, ownerTag: "t").before(&ledger, now: 60)
        #expect(ledger.nodes[name]?.isOccupant == true && ledger.nodes[name]?.previousCreatedAt == nil)
        // Should nothing come of it, the node may still be there.
        ledger.requestFailed(name)
        #expect(ledger.nodes[name]?.removedAt == 50 && ledger.nodes[name]?.isOccupant == false)
    }

    /// Where a server runs the list alone decides nothing, and whatever its cluster then answers decides everything.
    @Test(arguments: [ObservedCluster.unreachable("no route"), .read(ClusterReading())])
    func nothingIsDecidedBeforeTheFirstReading(answer: ObservedCluster) throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        let server = try #require(fleet.nodes.first { $0.role == .server }?.name)
        var run = Self.run(knowing: server, fleet)
        (run.facts.ledger.founder, run.facts.ledger.caHash) = (server, "ca")
        run.decide(at: Moment(clock))
        let blank = run.plan
        let vm = ObservedVM(
            name: server, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil), createdAt: "then",
            url: nil)
        run.note(.observed(.vms, .vms([vm])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect(run.awaitsReading && !run.isIdle)
        #expect(run.plan == blank)
        #expect(run.readsDue(at: Moment(clock)).map(\.0) == [.cluster])
        run.note(.observed(.cluster, .cluster(answer)), at: Moment(clock), tell: { _ in })
        #expect(run.mayDiffer(at: Moment(clock)))
        run.decide(at: Moment(clock))
        #expect(!run.awaitsReading && run.plan != blank)
    }

    /// A machine that somebody makes under the name of one that was taken away is theirs when that was gone, and else taken away with care.
    @Test(arguments: [true, false]) func anotherMachineUnderTheNameOfARemovedOne(isGone: Bool) throws {
        let (fleet, clock, name) = (try ConvergeTests.fleet(), VirtualClock(), "demo-web-n9")
        var run = Self.run(knowing: name, fleet)
        run.facts.ledger.removalReached(.stopped, name)
        if isGone { run.facts.ledger.nodes[name] = .gone(RemovedInstance(createdAt: "then", removedAt: clock.now - 1)) }
        let vm = ObservedVM(
            name: name, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil), createdAt: "later",
            url: nil)
        run.note(.observed(.vms, .vms([vm])), at: Moment(clock), tell: { _ in })
        run.decide(at: Moment(clock))
        #expect((run.facts.ledger.nodes[name] == nil) == isGone)
        // Whether k3s runs there nobody knows.
        #expect(run.facts.ledger.nodes[name]?.instance?.startedAt == (isGone ? nil : clock.now))
    }

    /// What a turn writes to the disk is no standstill.
    @Test func aSlowDiskIsNoStandstill() throws {
        let (fleet, clock) = (try ConvergeTests.fleet(), VirtualClock())
        var run = Self.run(knowing: try #require(fleet.nodes.first?.name), fleet)
        run.decide(at: Moment(clock))
        _ = run.readsDue(at: Moment(clock))
        run.turns(uptime: clock.uptime)
        clock.pass(seconds: 11)
        run.waits(from: clock.uptime)
        clock.pass(seconds: 4)
        run.turns(uptime: clock.uptime)
        #expect(run.generation == 0)
    }
}
