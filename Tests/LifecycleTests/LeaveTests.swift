import K3s
import Testing

@testable import FleetCore

/// The table of `Leave`: how a node goes that no pool asks for.
@Suite struct LeaveTests {
    private static let (now, old) = (Situation.now, Situation.old)

    private static func row(_ name: String, _ want: String?, _ arrange: @escaping @Sendable (inout Situation) -> Void) -> Row {
        Row(name, of: old, want, arrange)
    }

    /// A drain that left a pod: one that could not be evicted, or one without a controller. Seconds before now.
    private static func left(evicting: Bool = false, since: Double = 30, triedAgo: Double = 5) -> DrainProgress {
        var hindrance = DrainHindrance()
        if evicting { hindrance.evicting = ["default/web-0"] } else { hindrance.bare = ["default/bare"] }
        return DrainProgress(since: now - since, triedAt: now - triedAgo, hindrance: hindrance)
    }

    private static let rows: [Row] = [
        row("nothing of ours", nil) { $0.facts.observed.vms?[old] = Situation.vm(old, tags: []) },
        row("a member", "act cordon NotInFleetFile") { $0.unmanaged() },
        row("a member that somebody else cordoned", "act cordon NotInFleetFile") {
            $0.unmanaged()
            $0.node(old) { $0.unschedulable = true }
        },
        row("our mark, and made schedulable by somebody", "act cordon NotInFleetFile") {
            $0.unmanaged(.begun)
            $0.node(old) { $0.unschedulable = false }
        },
        row("prune is off", "left PruneDisabled") {
            var fleet = $0.facts.fleet
            fleet.policy.prune = false
            var facts = FleetFacts(fleet: fleet, observed: $0.facts.observed, ledger: $0.facts.ledger, now: now)
            facts.digest = $0.facts.digest
            $0.facts = facts
            $0.unmanaged()
        },
        row("the cluster does not answer", "wait RemovalNeedsControlPlane") {
            $0.unmanaged()
            $0.facts.observed.cluster = .unreachable("no route")
        },
        row("the cordon was sent", "act drain NotInFleetFile") { $0.unmanaged(.begun) },
        row("pods were left", "act drain PodsLeft") { $0.unmanaged(.begun) { $0.drain = left(evicting: true, triedAgo: 11) } },
        row("pods were left a moment ago", "wait PodsLeft") { $0.unmanaged(.begun) { $0.drain = left(evicting: true) } },
        row("pods were left for longer than the file allows", "blocked DrainBlocked") {
            $0.unmanaged(.begun) { $0.drain = left(evicting: true, since: 301) }
        },
        row("pods were left for long, and it was not tried for a while", "act drain PodsLeft") {
            $0.unmanaged(.begun) { $0.drain = left(evicting: true, since: 3600, triedAgo: 61) }
        },
        row("a pod has no controller", "blocked DrainBlocked") { $0.unmanaged(.begun) { $0.drain = left() } },
        row("a pod had no controller a minute ago", "act drain PodsLeft") { $0.unmanaged(.begun) { $0.drain = left(triedAgo: 61) } },
        row("a pod has no controller, and the file has come to force it", "act drain PodsLeft") {
            var fleet = $0.facts.fleet
            fleet.policy.drain.force = true
            var facts = FleetFacts(fleet: fleet, observed: $0.facts.observed, ledger: $0.facts.ledger, now: now)
            facts.digest = $0.facts.digest
            $0.facts = facts
            $0.unmanaged(.begun) { $0.drain = left(triedAgo: 11) }
        },
        row("drained", "act stop NotInFleetFile") { $0.unmanaged(.drained) },
        row("drained, then made schedulable by somebody", "act cordon NotInFleetFile") {
            $0.unmanaged(.drained)
            $0.node(old) { $0.unschedulable = false }
        },
        row("drained, silent, and SSH was tried three times", "act deleteNode NotInFleetFile") {
            $0.unmanaged(.drained)
            $0.node(old) { $0.ready = .unknown }
            $0.facts.ledger.attempts[old] = .init(count: 3, notBefore: now - 1, failure: "timed out")
        },
        row("stopped", "act deleteNode NotInFleetFile") { $0.unmanaged(.stopped) },
        row("its Node is deleted", "act removeVM NotInFleetFile") { $0.unmanaged(.nodeDeleted, hasNode: false) },
        row("it never joined", "act deleteNode NotInFleetFile") { $0.unmanaged(hasNode: false) { $0.startedAt = nil } },
        row("k3s was started a moment ago", "wait NodeMayStillJoin") { $0.unmanaged(hasNode: false) { $0.startedAt = now - 10 } },
        row("k3s runs and did not join", "act stop NotInFleetFile") { $0.unmanaged(hasNode: false) },
        row("removed, and an old list shows it", "wait VMRemovalUnconfirmed") {
            $0.unmanaged(hasNode: false)
            $0.facts.ledger.nodes[old] = .gone(RemovedInstance(createdAt: "then", removedAt: now - 1))
        },
        row("removed, and the cluster was not read since", "wait NodeRemovalUnconfirmed") {
            $0.facts.ledger.nodes[old] = .gone(RemovedInstance(createdAt: "then", removedAt: now - 1))
        },
        row("a new VM on its way", "wait CreateOutcomeUnknown") { $0.facts.ledger.nodes[old] = .requested(VMRequest(sentAt: now - 1)) },
        row("a silent Node without VM", "act deleteNode NodeWithoutVM") {
            $0.unmanaged()
            $0.facts.observed.vms?[old] = nil
            $0.node(old) { $0.ready = .unknown }
        },
        row("a ready Node without VM, for a moment", "wait NodeSilenceUnconfirmed") {
            $0.unmanaged()
            $0.facts.observed.vms?[old] = nil
        },
        row("a ready Node without VM, for long", "left NodeOutlivesVM") {
            $0.unmanaged { $0.missingSince = now - 100 }
            $0.facts.observed.vms?[old] = nil
        },
        row("its VM went in the middle of the removal", "act deleteNode RemovalUnfinished") {
            $0.unmanaged(.drained, hasNode: false)
            $0.facts.observed.vms?[old] = nil
        },
        row("it is a server", "blocked ServerNotRemovable") {
            $0.unmanaged()
            $0.node(old) { $0.labels["node-role.kubernetes.io/control-plane"] = "true" }
        },
        row("this ledger does not know it", "blocked NotInLedger") {
            $0.unmanaged()
            $0.facts.ledger.nodes[old] = nil
        },
    ]

    @Test(arguments: rows) func decides(row: Row) throws { try row.check() }

    @Test func theWayIsTold() throws {
        var situation = try Situation()
        situation.unmanaged()
        #expect(situation.item(Self.old)?.then == [.drain, .stop, .deleteNode, .removeVM])
    }
}
