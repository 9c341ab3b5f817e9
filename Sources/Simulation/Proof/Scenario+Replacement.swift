import FleetCore
import K3s

/// Nodes that die, and nodes that are made again.
extension Scenario {
    static func replacements() -> [Scenario] {
        let small = FleetSketch(web: 2, isShared: false)
        return deaths(small) + images(small) + lostServers(FleetSketch(web: 1, isShared: false, servers: 3, batch: 0))
    }

    private static let (web, mate) = ("demo-web-n1", "demo-web-n2")

    private static func deaths(_ base: FleetSketch) -> [Scenario] {
        let (fleet, edge) = (base.fleet(), base.with { $0.label = "edge" })
        let (agents, more) = (base.with { $0.replace = "agents" }, base.with { ($0.replace, $0.web) = ("agents", 3) })
        let closed = base.with { ($0.replace, $0.window) = ("agents", #"{from: "23:00", to: "23:03", zone: "UTC"}"#) }
        return [
            Scenario("an agent that hangs", before: fleet, after: edge).disturbed { $0.freeze(web) },
            Scenario("a dead agent that nobody may replace", before: fleet, after: base.with { $0.maxUnavailable = "2" }).killing([web])
                .ending(.blocked([web: [.nodeDeadForGood]])),
            Scenario("a dead agent is replaced", before: agents, after: agents).killing([web]),
            Scenario("a dead agent is replaced, unattended", before: agents, after: more).killing([web]).unattended(),
            Scenario("a dead agent is replaced before the maintenance window", before: closed, after: closed).killing([web]),
            Scenario("agents that are out of reach at once", before: agents, after: agents).killing([web, mate])
                .ending(.blocked([web: [.massSilence], mate: [.massSilence]])),
            Scenario("an agent whose kubelet alone is silent", before: agents, after: agents)
                .ending(.blocked([web: [.waitTimedOut]])).disturbed { $0.mute(web) },
            Scenario("an agent is replaced on demand", before: fleet, after: fleet).replacing([web]),
            Scenario("a dead agent is replaced on demand", before: fleet, after: fleet).killing([web]).replacing([web]),
            Scenario("a vanished agent is replaced on demand", before: fleet, after: fleet).replacing([web]).disturbed { $0.vanish(web) },
            Scenario("the only server is to be replaced", before: fleet, after: fleet).replacing(["demo-cp-n1"])
                .ending(.blocked(["demo-cp-n1": [.serverNotRemovable]])),
        ]
    }

    private static func images(_ base: FleetSketch) -> [Scenario] {
        let fleet = base.fleet()
        let blocked: Set<Reason.Code> = [.imageChanged]
        return [
            Scenario(
                "image changed and nobody may replace", before: fleet, after: base.with { ($0.image, $0.label) = ("debian:12", "edge") }
            )
            .ending(.blocked([web: blocked, mate: blocked])),
            Scenario("image changed", before: fleet, after: base.with { ($0.image, $0.replace) = ("debian:12", "agents") }),
        ]
    }

    private static func lostServers(_ base: FleetSketch) -> [Scenario] {
        let (all, fleet) = (base.with { $0.replace = "all" }, base.fleet())
        let (founder, second) = ("demo-cp-n1", "demo-cp-n2")
        return [
            Scenario("a dead server is replaced", before: all, after: all).killing([founder]),
            Scenario("a lost server is made again", before: all, after: all).disturbed { $0.vanish(founder) },
            Scenario("a server rebuilt empty joins again", before: all, after: all).disturbed { world in
                world.vanish(founder)
                world.rebuild(founder, tags: ["fleet-demo"])
            },
            Scenario("a server dies while another one is to be replaced", before: all, after: all).killing(["demo-cp-n3"])
                .replacing([second]),
            Scenario("image of the servers changed", before: all, after: base.with { ($0.serverImage, $0.replace) = ("debian:12", "all") }),
            Scenario("a server is replaced on demand", before: fleet, after: fleet).replacing([second]),
            Scenario("the leader is replaced on demand", before: fleet, after: fleet).replacing([second])
                .disturbed { $0.clusters[0].etcd?.leader = second },
        ]
    }
}
