import K3s
import Testing

@testable import FleetCore

/// What waits for the maintenance window, what does not, and what the hand brake holds.
@Suite struct MaintenanceTests {
    /// `Situation.now` is 02:46 on a Thursday, UTC.
    private static let closed = MaintenanceWindow(from: 180, to: 240)

    private static func row(
        _ name: String, of node: String = Situation.web, _ want: String?, _ arrange: @escaping @Sendable (inout Situation) -> Void
    ) -> Row {
        Row(name, of: node, want) { situation in
            situation.windows([closed])
            arrange(&situation)
        }
    }

    @Sendable private static func stopped(_ situation: inout Situation) {
        situation.node { $0.ready = .unknown }
        situation.facts.observed.hosts[Situation.web] = Situation.host(isSetUp: true) {
            $0.agent = UnitState(active: "inactive", sub: "dead", enabled: true, restarts: 0)
        }
    }

    private static func leaving(_ situation: inout Situation, _ stage: LeaveStage) {
        let web = situation.facts.fleet.nodes.first { $0.name == Situation.web }!
        situation.facts.ledger.nodes[web.name] = .leaving(Situation.instance(of: web), stage)
    }

    static let rows = [
        row("settled", "settled") { _ in },
        row("a configuration waits", "wait WindowClosed") { $0.instance { $0.configuration = .digest("old") } },
        Row("and not in the window", "act install ConfigurationChanged") {
            $0.windows([MaintenanceWindow(from: 120, to: 180)])
            $0.instance { $0.configuration = .digest("old") }
        },
        row("nor when the operator says so", "act install ConfigurationChanged") {
            $0.facts.ignoresWindow = true
            $0.instance { $0.configuration = .digest("old") }
        },
        row("nor of a node that is down", "act install K3sStopped") { situation in
            stopped(&situation)
            situation.instance { $0.configuration = .digest("old") }
        },
        row("an install whose end is not known goes on", "act install InstallOutcomeUnknown") {
            $0.instance { $0.configuration = .unknown }
        },
        row("what others changed on a host that runs waits", "wait WindowClosed") {
            $0.facts.observed.hosts[Situation.web] = Situation.host(isSetUp: true) { $0.settingsHash = "other" }
        },
        row("taints for the next registration restart nothing", "act install HostDrifted") {
            $0.facts.observed.hosts[Situation.web] = Situation.host(isSetUp: true) { $0.configHash = "other" }
        },
        row("k3s that was stopped is started", "act install K3sStopped", stopped),
        row("a VM that stopped is started", "act startVM VMStopped") {
            $0.withoutNode()
            $0.facts.observed.vms?[Situation.web] = Situation.vm(Situation.web, .stopped, tags: ["fleet-demo", "team-a"])
        },
        row("a node that never joined is restarted", "act restart NodeNotRegistered") { situation in
            situation.withoutNode()
            situation.facts.observed.hosts[Situation.web] = Situation.host(isSetUp: true)
        },
        row("labels are patched", "act patchNode LabelsOrTaintsDiffer") { $0.node { $0.labels["tier"] = "back" } },
        row("also of a node whose configuration waits", "act patchNode LabelsOrTaintsDiffer") { situation in
            situation.node { $0.labels["tier"] = "back" }
            situation.instance { $0.configuration = .digest("old") }
        },
        row("and of one that waits to be made again", "act patchNode LabelsOrTaintsDiffer") { situation in
            situation.node { $0.labels["tier"] = "back" }
            situation.facts.replacing = [Situation.web: situation.facts.now]
        },
        row("which waits", "wait WindowClosed") { $0.facts.replacing = [Situation.web: $0.facts.now] },
        row("sharing is set", "act share SharingDiffers") { $0.instance { $0.sharing = .uncertain(grants: []) } },
        row("a VM is created", "act createVM VMMissing") {
            $0.withoutNode()
            $0.facts.observed.vms?[Situation.web] = nil
        },
        row("a removal waits", of: Situation.old, "wait WindowClosed") { $0.unmanaged() },
        row("also of a node that is silent", of: Situation.old, "wait WindowClosed") { situation in
            situation.unmanaged()
            situation.node(Situation.old) { $0.ready = .unknown }
        },
        row("also of a VM without a node", of: Situation.old, "wait WindowClosed") { $0.unmanaged(hasNode: false) },
        row("one that was begun goes on", of: Situation.old, "act drain NotInFleetFile") { $0.unmanaged(.begun) },
        row("its cordon was not carried out", of: Situation.old, "wait WindowClosed") { situation in
            situation.unmanaged(.begun)
            situation.node(Situation.old) { ($0.unschedulable, $0.annotations) = (false, [:]) }
        },
        row("the node tells what the ledger does not know", of: Situation.old, "act drain NotInFleetFile") { situation in
            situation.unmanaged(.begun)
            situation.facts.ledger.nodes[Situation.old] = .present(Situation.instance(of: situation.facts.fleet.nodes[1]))
        },
        row("drained", of: Situation.old, "act stop NotInFleetFile") { $0.unmanaged(.drained) },
        row("stopped", of: Situation.old, "act deleteNode NotInFleetFile") { $0.unmanaged(.stopped) },
        row("without a Node", of: Situation.old, "act removeVM NotInFleetFile") { $0.unmanaged(.nodeDeleted, hasNode: false) },
        row("a Node whose VM is gone serves nobody", of: Situation.old, "act deleteNode NodeWithoutVM") { situation in
            situation.unmanaged()
            situation.facts.observed.vms?[Situation.old] = nil
            situation.node(Situation.old) { $0.ready = .unknown }
        },
        row("one that is wanted again is uncordoned", "act uncordon WantedAgain") { situation in
            situation.node { ($0.unschedulable, $0.annotations[NodePatch.removing]) = (true, "yes") }
            situation.facts.ledger.removalBegun(Situation.web)
        },
        row("one that was drained is set up at once", "act install WantedAgain") { situation in
            situation.node { ($0.unschedulable, $0.annotations[NodePatch.removing]) = (true, "yes") }
            leaving(&situation, .drained)
        },
        row("one that came back after its Node was deleted serves", "wait WindowClosed") { situation in
            leaving(&situation, .nodeDeleted)
        },
    ]

    @Test(arguments: rows)
    func decides(row: Row) throws { try row.check() }

    /// One that waits for the window keeps no place of those that are on their way.
    @Test func whatIsPutOffKeepsNoPlace() throws {
        var situation = try Situation("maxVMs: 10, deletionsPerPass: 1")
        situation.windows([Self.closed])
        situation.unmanaged(named: "demo-old-n0")
        situation.node("demo-old-n0") { $0.unschedulable = true }
        situation.unmanaged(.begun)
        #expect(situation.decision("demo-old-n0") == "wait WindowClosed")
        #expect(situation.decision(Situation.old) == "act drain NotInFleetFile")
    }

    @Test func aPlanKnowsWhatIsDeferred() throws {
        var situation = try Situation()
        situation.windows([Self.closed])
        #expect(!Planner.plan(situation.facts).isDeferred && Planner.plan(situation.facts).deferral == nil)
        situation.instance { $0.configuration = .digest("old") }
        let plan = Planner.plan(situation.facts)
        #expect(plan.isDeferred && plan.deferral?.count == 1 && plan.deferral?.opening.words == "Thu 1970-01-01 03:00 UTC")
        #expect(plan.items.first { $0.node == Situation.web }?.then.first == .install)
        situation.node(Situation.mate) { $0.labels["tier"] = "back" }
        #expect(!Planner.plan(situation.facts).isDeferred)
    }

    @Test func theHandBrakeHoldsRepairsToo() throws {
        var situation = try Situation()
        situation.facts.pause = FleetPause(by: "ada@ops", since: 0, reason: nil)
        #expect(situation.decision(Situation.web) == "settled")
        Self.stopped(&situation)
        #expect(situation.decision(Situation.web) == "wait FleetPaused")
        situation.facts.pause = nil
        #expect(situation.decision(Situation.web) == "act install K3sStopped")
    }

    @Test(arguments: [
        (FleetPause(by: "ada@ops", since: 1_795_898_940, reason: "disk swap"), "paused since 2026-11-28 20:49 UTC by ada@ops: disk swap"),
        (FleetPause(by: "", since: nil, reason: "f cannot be read"), "paused: f cannot be read"),
    ])
    func aHoldHasWords(pause: FleetPause, words: String) { #expect(pause.words == words) }

    /// What a later step takes down is named by its type: a new one is thought about here.
    @Test func theDisruptiveStepsAreThese() {
        let disruptive = StepKind.allCases.filter { $0.type.isDisruptive }
        #expect(
            Set([StepKind.install, .restart, .cordon, .drain, .stop, .deleteNode, .removeVM, .flushDisk, .restartVM]).isSubset(
                of: disruptive))
        #expect(
            Set([StepKind.createVM, .prepare, .startVM, .patchNode, .share, .tagVM, .uncordon, .resizeVM]).isDisjoint(with: disruptive))
    }
}

extension Situation {
    /// The same with these windows in the file.
    mutating func windows(_ windows: [MaintenanceWindow]) {
        var fleet = facts.fleet
        fleet.policy.windows = windows
        var changed = FleetFacts(fleet: fleet, observed: facts.observed, ledger: facts.ledger, now: facts.now)
        (changed.uptime, changed.digest) = (facts.uptime, facts.digest)
        facts = changed
    }
}
