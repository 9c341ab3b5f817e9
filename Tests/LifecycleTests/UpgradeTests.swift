import K3s
import Testing

@testable import FleetCore

/// The table of `Upgrade`: what a node needs that runs an older k3s than the file asks for, and which node may begin (`Rollout`).
@Suite struct UpgradeTests {
    private static let (server, web, mate, batch) = (Situation.server, Situation.web, Situation.mate, "demo-batch-n1")
    private static let (old, new) = (K3sVersion("v1.34.8+k3s1")!, Situation.version)

    /// The whole fleet runs the release before; `isStaged`: the new one lies beside it on every host.
    private static func behind(isStaged: Bool = true, _ change: @escaping @Sendable (inout Situation) -> Void = { _ in })
        -> @Sendable (inout Situation) -> Void
    {
        { situation in
            situation.facts.ledger.staged(new, digest: "sha-new")
            for name in [server, web, mate, batch] {
                situation.node(name) { $0.version = old }
                situation.facts.observed.hosts[name] = host(name, isStaged: isStaged)
            }
            change(&situation)
        }
    }

    private static func host(_ name: String, isStaged: Bool = true, _ change: (inout ProbeFields) -> Void = { _ in }) -> ObservedHost {
        Situation.host(name, isSetUp: true) { fields in
            fields.binaryVersion = old
            if name == server { (fields.server, fields.hasServerData, fields.agent) = (fields.agent, true, nil) }
            if isStaged { (fields.stagedVersion, fields.stagedSHA256) = (new, "sha-new") }
            change(&fields)
        }
    }

    /// The server runs the new release already.
    private static func followed(_ change: @escaping @Sendable (inout Situation) -> Void = { _ in }) -> @Sendable (inout Situation) -> Void
    {
        behind { situation in
            situation.node(server) { $0.version = new }
            change(&situation)
        }
    }

    private static func evacuated(_ situation: inout Situation, _ name: String, to version: K3sVersion? = nil) {
        situation.node(name) { ($0.unschedulable, $0.annotations[NodeAnnotation.maintenance]) = (true, "yes") }
        situation.instance(name) { instance in
            instance.maintenance = Maintenance()
            instance.maintenance?.isDrained = true
            instance.maintenance?.upgradedTo = version
        }
    }

    private static let rows: [Row] = [
        Row("nothing is staged", "act stageK3s UpgradeDue", behind(isStaged: false)),
        Row(
            "other bytes are staged", "act stageK3s UpgradeDue",
            behind { $0.facts.observed.hosts[web] = host(web) { $0.stagedSHA256 = "x" } }),
        Row("its host was not probed", "wait AwaitingProbe", behind { $0.facts.observed.hosts[web] = nil }),
        Row("its host is out of reach", "wait HostUnreachable", behind { $0.facts.observed.hosts[web] = .unreachable("timed out") }),
        Row(
            "it is down", "wait NodeSilent",
            behind {
                $0.node { $0.ready = .unknown }
                $0.facts.observed.hosts[web] = .unreachable("timed out")
            }),
        Row("the server: no copy of the datastore", of: server, "act takeSnapshot UpgradeDue", behind()),
        Row(
            "the server: a copy from before another release", of: server, "act takeSnapshot UpgradeDue",
            behind {
                $0.facts.ledger.snapshot = Snapshot(version: old, goal: old, takenAt: Situation.now, file: nil)
            }),
        Row(
            "the server: an old copy", of: server, "act takeSnapshot UpgradeDue",
            behind {
                $0.facts.ledger.snapshot = Snapshot(version: old, goal: new, takenAt: Situation.now - 7 * 3600, file: nil)
            }),
        Row("the server: a copy", of: server, "act evacuate UpgradeDue", behind { $0.copied() }),
        Row(
            "the server is drained", of: server, "act upgradeK3s UpgradeDue",
            behind {
                $0.copied()
                evacuated(&$0, server)
            }),
        Row("an agent, and the server has not begun", "wait UpgradeAwaitsServers", behind { $0.copied() }),
        Row(
            "an agent, and the server is done and still cordoned", "wait UpgradeAwaitsServers", followed { evacuated(&$0, server, to: new) }
        ),
        Row("an agent, and the server is done", "act evacuate UpgradeDue", followed()),
        Row("the next agent of its pool", of: mate, "wait LimitReached", followed()),
        Row("an agent of another pool", of: batch, "act evacuate UpgradeDue", followed()),
        Row("drained", "act upgradeK3s UpgradeDue", followed { evacuated(&$0, web) }),
        Row(
            "drained, and somebody made it schedulable", "act evacuate UpgradeDue",
            followed {
                evacuated(&$0, web)
                $0.node { $0.unschedulable = false }
            }),
        Row("pods were left a moment ago", "wait PodsLeft", followed { $0.undrained(triedAgo: 5) }),
        Row("pods were left for longer than the file allows", "blocked DrainBlocked", followed { $0.undrained(triedAgo: 5, since: 301) }),
        Row(
            "the next one, while pods are left for too long", of: batch, "blocked UpgradeStopped",
            followed { $0.undrained(triedAgo: 5, since: 301) }),
        Row(
            "the new binary is in place, and its Node shows the old one", "wait UpgradeUnconfirmed",
            followed {
                evacuated(&$0, web, to: new)
                $0.instance { $0.startedAt = Situation.now - 20 }
                $0.facts.observed.hosts[web] = host(web) { $0.binaryVersion = new }
            }),
        Row(
            "the same, for longer than a start takes", "act upgradeK3s UpgradeDue",
            followed {
                evacuated(&$0, web, to: new)
                $0.facts.observed.hosts[web] = host(web) { $0.binaryVersion = new }
            }),
        Row(
            "up on the new k3s", "act uncordon MaintenanceOver",
            followed {
                evacuated(&$0, web, to: new)
                $0.node { $0.version = new }
            }),
        Row("the file asks for the old k3s again, half-way", "act uncordon MaintenanceOver") { evacuated(&$0, web) },
        Row(
            "it does not come up on the new k3s", "act revertK3s UpgradeDidNotComeUp",
            followed {
                evacuated(&$0, web, to: new)
                $0.node { $0.ready = .notReady(reason: "stopped") }
                $0.facts.observed.hosts[web] = failing()
            }),
        Row(
            "it crashes for a moment", "wait NodeNotReady",
            followed {
                evacuated(&$0, web, to: new)
                $0.node { $0.ready = .notReady(reason: "stopped") }
                $0.instance { $0.startedAt = Situation.now - 20 }
                $0.facts.observed.hosts[web] = failing { $0.agent?.restarts = 1 }
            }),
        Row(
            "a node that is down for another reason, with an older binary left", "blocked K3sFails",
            {
                $0.node { $0.ready = .notReady(reason: "stopped") }
                $0.facts.observed.hosts[web] = failing()
            }),
        Row("its former k3s is back, and no operator is there", "blocked UpgradeFailed", followed { $0.failed(isAttended: false) }),
        Row("its former k3s is back, in an operator's next run", "act upgradeK3s UpgradeDue", followed { $0.failed(isAttended: true) }),
        Row("the others, while one has failed", of: batch, "blocked UpgradeStopped", followed { $0.failed(isAttended: false) }),
        Row(
            "a Plan of the system-upgrade-controller", "blocked UpgradeControllerAtWork",
            behind { $0.reading { $0.upgradePlans = ["a/b"] } }),
    ]

    @Test(arguments: rows) func theFirstRuleThatAppliesDecides(row: Row) throws { try row.check() }

    private static func failing(_ change: (inout ProbeFields) -> Void = { _ in }) -> ObservedHost {
        host(web) { fields in
            (fields.binaryVersion, fields.formerVersion) = (new, old)
            fields.agent = UnitState(active: "activating", sub: "auto-restart", enabled: true, restarts: 9)
            change(&fields)
        }
    }

    /// None begins before all that are up have the new k3s.
    @Test func allAreStagedFirst() throws {
        var situation = try Situation()
        Self.followed { $0.facts.observed.hosts[Self.mate] = Self.host(Self.mate, isStaged: false) }(&situation)
        #expect(situation.decision(Self.web) == "wait UpgradeAwaitsStaging" && situation.decision(Self.mate) == "act stageK3s UpgradeDue")
        situation.node(Self.mate) { $0.ready = .unknown }
        situation.facts.observed.hosts[Self.mate] = .unreachable("timed out")
        #expect(situation.decision(Self.batch) == "act evacuate UpgradeDue")
        #expect(situation.decision(Self.web) == "wait LimitReached")
    }

    /// Who approves the plan approves the whole way, also of what has to wait.
    @Test func thePlanSaysTheWholeWay() throws {
        var situation = try Situation()
        Self.behind(isStaged: false)(&situation)
        #expect(situation.item(Self.server)?.then == [.takeSnapshot, .evacuate, .upgradeK3s, .uncordon])
        #expect(situation.item(Self.web)?.then == [.evacuate, .upgradeK3s, .uncordon])
        Self.behind { $0.copied() }(&situation)
        #expect(situation.item(Self.web)?.then == [.evacuate, .upgradeK3s, .uncordon])
    }

    @Test(arguments: [
        ("v1.34.8+k3s1", "v1.34.9+k3s1", [], "v1.34.9+k3s1"), ("v1.34.9+k3s1", "v1.34.9+k3s1", [], nil),
        ("v1.35.0+k3s1", "v1.34.9+k3s1", [], nil), ("v1.34.9+k3s1", "v1.35.4+k3s1", [], "v1.35.4+k3s1"),
        ("v1.34.9+k3s1", "v1.36.1+k3s1", [], "no v1.35"), ("v1.33.2+k3s1", "v1.36.1+k3s1", ["v1.35.4+k3s1"], "no v1.34"),
        ("v1.34.9+k3s1", "v1.36.1+k3s1", ["v1.35.4+k3s1"], "v1.35.4+k3s1"),
        ("v1.34.9+k3s1", "v1.35.4+k3s1", ["v1.34.11+k3s1"], "v1.34.11+k3s1"),
        ("v1.35.4+k3s1", "v1.36.1+k3s1", ["v1.35.4+k3s1"], "v1.36.1+k3s1"), ("v1.34.9+k3s1", "v2.0.0+k3s1", [], "no v1.35"),
    ])
    func noMinorIsLeftOut(from: String, to: String, stops: [String], next: String?) throws {
        let path = UpgradePath(stops.compactMap(K3sVersion.init))
        let (from, to) = (try #require(K3sVersion(from)), try #require(K3sVersion(to)))
        let words: String? =
            switch path.hop(from: from, to: to) {
            case .release(let version): version.description
            case .missing(let minor): "no " + minor
            case nil: nil
            }
        #expect(words == next)
    }

    @Test(arguments: [
        (MaxUnavailable.count(2), 10, 2), (.percent(25), 10, 3), (.percent(1), 10, 1), (.percent(100), 10, 10), (.percent(33), 0, 1),
        (.percent(50), 4, 2),
    ])
    func aShareIsRoundedUp(limit: MaxUnavailable, size: Int, count: Int) { #expect(limit.count(of: size) == count) }
}

extension Situation {
    fileprivate mutating func copied() {
        facts.ledger.snapshot = Snapshot(version: Situation.version, goal: Situation.version, takenAt: Situation.now - 60, file: nil)
    }

    fileprivate mutating func undrained(triedAgo: Double, since: Double = 30) {
        var hindrance = DrainHindrance()
        hindrance.evicting = ["default/web-0"]
        node { ($0.unschedulable, $0.annotations[NodeAnnotation.maintenance]) = (true, "yes") }
        instance { instance in
            instance.maintenance = Maintenance()
            instance.drain = DrainProgress(since: Situation.now - since, triedAt: Situation.now - triedAgo, hindrance: hindrance)
        }
    }

    fileprivate mutating func failed(isAttended: Bool) {
        node { ($0.unschedulable, $0.annotations[NodeAnnotation.maintenance]) = (true, "yes") }
        instance { instance in
            instance.maintenance = Maintenance()
            instance.maintenance?.isDrained = true
            instance.failedUpgrade = FailedUpgrade(version: Situation.version, journal: "fatal")
        }
        var changed = FleetFacts(
            fleet: facts.fleet, observed: facts.observed, ledger: facts.ledger, now: Situation.now, isAttended: isAttended)
        (changed.uptime, changed.digest) = (facts.uptime, facts.digest)
        facts = changed
    }
}
