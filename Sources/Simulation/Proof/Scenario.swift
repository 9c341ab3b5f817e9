package import FleetCore
import K3s
package import Reconciler

/// What is asked of the program in which world, and how that must end once nothing goes wrong any more.
package struct Scenario: Sendable {
    package enum Verb: Sendable { case apply, destroy }

    package enum Ending: Sendable, Hashable {
        case settled
        /// These nodes are blocked, each with one of these codes; all others are settled or held up by them.
        case blocked([String: Set<Reason.Code>])
        case destroyed
    }

    package var name: String
    /// The fleet that stands there, made without faults, before the scenario begins.
    package var before: DesiredFleet?
    package var after: DesiredFleet
    /// What the file may be changed to while an apply runs; at last it is `after`.
    package var edits: [DesiredFleet] = []
    package var verb = Verb.apply
    package var ending = Ending.settled
    /// Effects, in words, that each start tries again because only trying tells whether the hindrance is gone.
    package var retried: Set<String> = []
    /// The account has no room for one VM of the fleet; which one it is depends on the order of the requests.
    package var isShortOfQuota = false
    /// Nobody reads the plan.
    package var isAttended = true
    /// Nodes that the operator wants to be made again; once that is begun it is not asked for again.
    package var replacing: Set<String> = []
    /// Machines are dead that may come back.
    var hasDead = false
    /// What the operator approved; nil is everything.
    package var approved: Reconciler.Approval?
    package var disturbance: @Sendable (inout WorldState) -> Void = { _ in }

    package init(_ name: String, before: DesiredFleet?, after: DesiredFleet) {
        (self.name, self.before, self.after) = (name, before, after)
    }

    /// Whether the file asks for this node at last.
    func wants(_ name: String) -> Bool { after.nodes.contains { $0.name == name } }

    var hasSeveralServers: Bool { [before, after].contains { fleet in (fleet?.nodes.count { $0.role == .server } ?? 0) > 1 } }

    /// Whatever is changed by hand can be put right.
    var isMendable: Bool { ending == .settled && approved == nil }

    private func with(_ change: (inout Scenario) -> Void) -> Scenario {
        var copy = self
        change(&copy)
        return copy
    }

    func ending(_ ending: Ending) -> Scenario { with { $0.ending = ending } }

    func disturbed(_ body: @escaping @Sendable (inout WorldState) -> Void) -> Scenario { with { $0.disturbance = body } }

    func unattended() -> Scenario { with { $0.isAttended = false } }

    /// What a plan for the creation of these nodes approves.
    func approving(_ nodes: [String]) -> Scenario {
        let steps: Set<StepKind> = [.createVM, .prepare, .purgeIdentity, .install, .patchNode, .share]
        return with { $0.approved = Dictionary(uniqueKeysWithValues: nodes.map { ($0, steps) }) }
    }

    func retrying(_ effects: [String]) -> Scenario { with { $0.retried = Set(effects) } }

    func shortOfQuota() -> Scenario { with { $0.isShortOfQuota = true } }

    func replacing(_ nodes: Set<String>) -> Scenario { with { $0.replacing = nodes } }

    /// These machines are dead from the start.
    func killing(_ nodes: [String]) -> Scenario {
        with { scenario in
            scenario.hasDead = true
            scenario.disturbance = { world in for name in nodes { world.kill(name) } }
        }
    }

    func edited(_ fleets: [DesiredFleet]) -> Scenario { with { $0.edits = fleets } }
}

extension Scenario {
    /// All scenarios over a fleet of one server, a batch agent and `web` web agents.
    package static func all(web: Int = 2) -> [Scenario] {
        let sketch = FleetSketch(web: web)
        let small = sizes(sketch) + changes(sketch) + losses(sketch) + hands(sketch)
        return small + upgrades(sketch) + strangers(sketch) + servers(sketch) + [destroy(sketch.fleet())] + maintenance() + severalServers()
            + atOnce() + peers() + comments() + criticalValues() + replacements() + resizes() + shareProbes()
    }

    private static let victim = "demo-web-n1"

    private static func sizes(_ base: FleetSketch) -> [Scenario] {
        let (fleet, more, less) = (base.fleet(), base.with { $0.web += 2 }, base.with { $0.web -= 1 })
        let (edge, front, web) = (base.with { $0.label = "edge" }, base.with { $0.pool = "front" }, base.web)
        return [
            Scenario("first create", before: nil, after: fleet).edited([more, edge]),
            Scenario("nothing to do", before: fleet, after: fleet).edited([more, edge]),
            Scenario("grow", before: fleet, after: more).edited([fleet, less]),
            Scenario("shrink", before: more, after: fleet).edited([more, edge]),
            Scenario("shrink that somebody took back half-way", before: more, after: fleet)
                .disturbed { $0.disk?.removalReached(.drained, "demo-web-n\(web + 1)") },
            Scenario("shrink by two of which one has a bare pod", before: more, after: fleet)
                .ending(.blocked(["demo-web-n\(web + 1)": [.drainBlocked]])).retrying(["drain demo-web-n\(web + 1)"])
                .disturbed { world in _ = world.clusters[0].change("demo-web-n\(web + 1)") { $0.annotations[ClusterModel.barePod] = "" } },
            Scenario("shrink by two of which one has a budget that allows nothing", before: more, after: base.with { $0.drainTimeout = 40 })
                .ending(.blocked(["demo-web-n\(web + 1)": [.drainBlocked]])).retrying(["drain demo-web-n\(web + 1)"])
                .disturbed { world in
                    _ = world.clusters[0].change("demo-web-n\(web + 1)") { $0.annotations[ClusterModel.blockedDrain] = "" }
                },
            Scenario("pool renamed", before: fleet, after: front).edited([fleet, less]),
            Scenario(
                "pool renamed in a tight budget", before: base.with { $0.maxVMs = web + 2 },
                after: base.with { ($0.pool, $0.maxVMs) = ("front", web + 2) }
            ),
            Scenario("approved in part", before: fleet, after: more).approving(["demo-web-n\(web + 1)"])
                .ending(.blocked(["demo-web-n\(web + 2)": [.actionNotApproved]])),
        ]
    }

    private static func changes(_ base: FleetSketch) -> [Scenario] {
        let fleet = base.fleet()
        return [
            Scenario("label and taint change", before: fleet, after: base.with { ($0.label, $0.isTainted) = ("edge", true) })
                .edited([fleet]),
            Scenario("tag change", before: fleet, after: base.with { $0.tags = ["team-a"] }),
            Scenario(
                "share change", before: base.with { $0.guests = ["ada@example.org", "bob@example.org"] },
                after: base.with { ($0.port, $0.guests) = (9090, ["ada@example.org", "cy@example.org"]) }
            ).edited([fleet, base.with { $0.guests = ["dan@example.org"] }, base.with { $0.isShared = false }]),
            Scenario("sharing ended", before: base.with { $0.guests = ["ada@example.org"] }, after: base.with { $0.isShared = false })
                .edited([base.with { $0.guests = ["dan@example.org"] }, fleet]),
            Scenario("configuration change", before: fleet, after: base.with { $0.kubelet = "50" }).edited([fleet]),
            // One agent a pool: of several the first one is set up so, whichever that is, and the others wait.
            Scenario(
                "configuration that k3s does not take", before: base.with { $0.web = 1 },
                after: base.with { ($0.web, $0.kubelet) = (1, "none") }
            )
            .ending(.blocked(Dictionary(uniqueKeysWithValues: ["web", "batch"].map { ("demo-\($0)-n1", [.k3sFails, .k3sDidNotJoin]) }))),
        ]
    }

    private static func losses(_ base: FleetSketch) -> [Scenario] {
        let (fleet, more, web) = (base.fleet(), base.with { $0.web += 2 }, base.web)
        return [
            Scenario("VM vanished", before: fleet, after: fleet).disturbed { $0.vanish(victim) },
            Scenario("VM stopped", before: fleet, after: fleet).disturbed { $0.stop(victim) },
            Scenario("shrink by a VM that is stopped", before: more, after: fleet).disturbed { $0.stop("demo-web-n\(web + 1)") },
            Scenario("shrink by a host that is dead", before: more, after: fleet).disturbed { $0.freeze("demo-web-n\(web + 1)") },
            Scenario("k3s of an agent stopped by hand", before: fleet, after: fleet).disturbed { $0.stopK3s(on: victim) },
            Scenario("k3s of the server stopped by hand", before: fleet, after: fleet).disturbed { $0.stopK3s(on: "demo-cp-n1") },
            Scenario("node deleted by hand", before: fleet, after: fleet).disturbed { $0.deleteNode(victim) },
            Scenario("VM rebuilt under the same name", before: fleet, after: fleet).disturbed { world in
                world.vanish(victim)
                world.rebuild(victim, tags: ["fleet-demo"])
            },
            Scenario("many VMs gone at once, nobody there", before: fleet, after: fleet).unattended()
                .ending(.blocked(Dictionary(uniqueKeysWithValues: (1...web).map { ("demo-web-n\($0)", [.vmsVanished]) })))
                .disturbed { world in for number in 1...web { world.vanish("demo-web-n\(number)") } },
        ]
    }

    /// What no list tells of.
    private static func hands(_ base: FleetSketch) -> [Scenario] {
        let (shared, fleet) = (base.with { $0.guests = ["ada@example.org"] }, base.fleet())
        var larger = base.with { $0.label = "edge" }
        for index in larger.nodes.indices { larger.nodes[index].vm.image = "debian" }
        return [
            Scenario("sharing changed by hand", before: shared, after: shared).disturbed { $0.shareByHand(victim) },
            Scenario("configuration edited by hand", before: fleet, after: fleet)
                .disturbed { world in for name in ["demo-cp-n1", victim, "demo-web-n2"] { world.editConfiguration(of: name) } },
            Scenario("configuration beside ours", before: fleet, after: fleet).ending(.blocked([victim: [.foreignConfiguration]]))
                .disturbed { $0.configure(victim, by: "/etc/rancher/k3s/config.yaml.d/theirs.yaml") },
            Scenario("configuration edited by hand beside a file of others", before: fleet, after: fleet)
                .ending(.blocked([victim: [.foreignConfiguration]]))
                .disturbed { world in
                    world.configure(victim, by: "/etc/rancher/k3s/config.yaml.d/theirs.yaml")
                    world.editConfiguration(of: victim)
                },
            Scenario("pods that cannot cross", before: base.with { $0.web = 1 }, after: base.with { ($0.web, $0.label) = (1, "edge") })
                .ending(.blocked([victim: [.podNetworkDown]])).disturbed { $0.partition(victim, from: "demo-cp-n1") },
            Scenario("k3s stopped and disabled by hand a moment ago", before: fleet, after: fleet)
                .disturbed { world in for name in ["demo-web-n2", victim] { world.haltK3s(on: name, disables: name == victim) } },
            Scenario("label changed, and another image than the VMs have", before: fleet, after: larger)
                .ending(.blocked(Dictionary(uniqueKeysWithValues: fleet.nodes.map { ($0.name, [.imageChanged]) }))),
        ]
    }

    private static func strangers(_ base: FleetSketch) -> [Scenario] {
        let fleet = base.fleet()
        return [
            Scenario("foreign VM on our name", before: nil, after: fleet).ending(.blocked([victim: [.vmForeign]]))
                .disturbed { $0.rebuild(victim, tags: ["theirs"]) },
            Scenario("name held by somebody else", before: nil, after: fleet).ending(.blocked([victim: [.actionRefused]]))
                .disturbed { $0.account.foreignNames.insert(victim) }.retrying(["createVM \(victim)"]),
            Scenario("quota of the account", before: fleet, after: base.with { $0.web += 1 })
                .ending(.blocked(["demo-web-n\(base.web + 1)": [.actionRefused]]))
                .retrying(base.with { $0.web += 1 }.nodes.map { "createVM \($0.name)" })
                .shortOfQuota().disturbed { $0.account.quota = $0.machines.count },
            Scenario("stray VM with our tag", before: fleet, after: fleet).ending(.blocked(["demo-old-n1": [.notInLedger]]))
                .disturbed { $0.rebuild("demo-old-n1", tags: ["fleet-demo"]) },
            Scenario("another host at our address", before: nil, after: fleet).ending(.blocked([victim: [.hostMisrouted]]))
                .disturbed { world in
                    world.rebuild(victim, tags: ["fleet-demo"])
                    world.answer(victim, as: "stranger")
                },
            Scenario("host of another cluster", before: nil, after: fleet).ending(.blocked([victim: [.hostOfOtherCluster]]))
                .disturbed { world in
                    world.rebuild(victim, tags: ["fleet-demo"])
                    world.belong(victim, to: "another")
                },
        ]
    }

    private static func servers(_ base: FleetSketch) -> [Scenario] {
        let (fleet, more, web) = (base.fleet(), base.with { $0.web += 2 }, base.web)
        return [
            Scenario("server lost", before: fleet, after: fleet).ending(.blocked(["demo-cp-n1": [.serverVMGone]]))
                .disturbed { $0.vanish("demo-cp-n1") },
            Scenario("server rebuilt empty", before: fleet, after: fleet).ending(.blocked(["demo-cp-n1": [.serverDataGone]]))
                .disturbed { world in
                    world.vanish("demo-cp-n1")
                    world.rebuild("demo-cp-n1", tags: ["fleet-demo"])
                },
            Scenario("shrink by a node that has become a server", before: base.with { $0.web += 1 }, after: fleet)
                .ending(.blocked(["demo-web-n\(web + 1)": [.serverNotRemovable]])).disturbed { $0.promote("demo-web-n\(web + 1)") },
            Scenario("shrink by nodes that have become servers", before: more, after: fleet)
                .ending(.blocked(["demo-web-n\(web + 1)": [.serverNotRemovable], "demo-web-n\(web + 2)": [.serverNotRemovable]]))
                .disturbed { world in for number in 1...2 { world.promote("demo-web-n\(web + number)") } },
            Scenario("server changed while a voter made by hand is down", before: fleet, after: base.with { $0.serverKubelet = "50" })
                .ending(.blocked(["demo-cp-n1": [.quorumAtRisk], victim: [.roleChanged], "demo-web-n2": [.roleChanged]]))
                .disturbed { world in
                    for number in 1...2 { world.promote("demo-web-n\(number)") }
                    world.stopK3s(on: victim)
                },
        ]
    }

    static func destroy(_ fleet: DesiredFleet, _ name: String = "destroy") -> Scenario {
        var scenario = Scenario(name, before: fleet, after: fleet).ending(.destroyed)
        scenario.verb = .destroy
        return scenario
    }
}
