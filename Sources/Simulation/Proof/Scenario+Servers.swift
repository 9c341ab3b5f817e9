import FleetCore
import K3s

/// Fleets of several servers, with as few agents as show what becomes of them.
extension Scenario {
    static func severalServers() -> [Scenario] {
        let three = FleetSketch(web: 1, isShared: false, servers: 3, batch: 0)
        let (fleet, one) = (three.fleet(), three.with { $0.servers = 1 })
        return [
            Scenario("first create of three servers", before: nil, after: fleet),
            Scenario("grow from one server to three", before: one, after: fleet),
            Scenario("shrink from three servers to one", before: fleet, after: one),
            Scenario("shrink to one server with the leader on the victim", before: fleet, after: one)
                .disturbed { $0.clusters[0].etcd?.leader = "demo-cp-n3" },
            Scenario("shrink from three servers beside a ghost member", before: fleet, after: one)
                .ending(.blocked(["demo-cp-n1": [.ghostMembers], "demo-cp-n2": [.serversUnsettled], "demo-cp-n3": [.ghostMembers]]))
                .disturbed { world in world.clusters[0].etcd?.haunt("demo-cp-n4", now: world.now) },
            // Its member was taken out with its Node, so it is made again, joins as a new one, and gets on with nothing.
            Scenario("learner stuck", before: fleet, after: fleet)
                .ending(.blocked(["demo-cp-n3": [.waitTimedOut, .k3sDidNotJoin, .k3sFails, .serverNotRegistered]]))
                .disturbed { world in
                    world.vanish("demo-cp-n3")
                    _ = world.clusters[0].deleteNode("demo-cp-n3")
                    world.now += 20
                    world.settle()
                    world.learnersStall = true
                },
            destroy(fleet, "destroy three servers"),
        ] + losses(of: three)
    }

    private static func losses(of three: FleetSketch) -> [Scenario] {
        let (fleet, edge) = (three.fleet(), three.with { $0.label = "edge" })
        return [
            Scenario("label changed while one of three servers is down", before: fleet, after: edge)
                .ending(.blocked(["demo-cp-n1": [.nodeDeadForGood]])).disturbed { $0.kill("demo-cp-n1") },
            Scenario("k3s of one of three servers stopped by hand", before: fleet, after: fleet).disturbed { $0.stopK3s(on: "demo-cp-n2") },
            Scenario("one of three servers lost", before: fleet, after: edge).ending(.blocked(["demo-cp-n1": [.serverMemberLeft]]))
                .disturbed { $0.vanish("demo-cp-n1") },
            Scenario("one of three servers rebuilt empty", before: fleet, after: fleet).ending(
                .blocked(["demo-cp-n1": [.serverMemberLeft]])
            )
            .disturbed { world in
                world.vanish("demo-cp-n1")
                world.rebuild("demo-cp-n1", tags: ["fleet-demo"])
            },
            Scenario("quorum lost", before: fleet, after: edge)
                .ending(.blocked(Dictionary(uniqueKeysWithValues: (1...3).map { ("demo-cp-n\($0)", [.quorumLost]) })))
                .disturbed { world in for number in 2...3 { world.vanish("demo-cp-n\(number)") } },
        ]
    }
}
