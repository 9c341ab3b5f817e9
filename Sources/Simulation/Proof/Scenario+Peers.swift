import FleetCore
import K3s

/// Troubles of other tools by their names in facts/peers.md, as far as no other scenario has them.
extension Scenario {
    static func peers() -> [Scenario] {
        let (small, three) = (FleetSketch(web: 1, isShared: false), FleetSketch(web: 1, isShared: false, servers: 3, batch: 0))
        let (fleet, servers) = (small.fleet(), three.fleet())
        return [
            Scenario("Ready flapping", before: fleet, after: small.with { $0.label = "edge" }).disturbed { $0.flap("demo-web-n1") },
            Scenario("Ready flapping beside a configuration change", before: fleet, after: small.with { $0.kubelet = "50" })
                .disturbed { $0.flap("demo-web-n1") },
            Scenario("Ready flapping of one of three servers", before: servers, after: three.with { $0.label = "edge" })
                .disturbed { $0.flap("demo-cp-n2") },
            Scenario(
                "upgrade of three servers with the leader on the last", before: servers, after: three.with { $0.version = "v1.34.10+k3s1" }
            )
            .disturbed { $0.clusters[0].etcd?.leader = "demo-cp-n3" },
        ]
    }
}
