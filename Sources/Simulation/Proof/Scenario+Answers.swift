import FleetCore
import K3s

/// Pools with `share.probe`.
extension Scenario {
    /// Short ways, for every pair of crashes of each is tried.
    static func shareProbes() -> [Scenario] {
        let small = FleetSketch(web: 1, batch: 0)
        var sketch = small
        sketch.probe = "{path: \"/healthz\"}"
        let probed = sketch.fleet()
        var changed = probed
        for index in changed.nodes.indices where changed.nodes[index].role == .agent { changed.nodes[index].vm.tags = ["probed"] }
        return [
            Scenario("first create with a share probe", before: nil, after: sketch.with { $0.isPublic = false }),
            Scenario("share probe added, and tags", before: small.fleet(), after: changed).edited([small.fleet()]),
            Scenario("upgrade with a share probe", before: probed, after: sketch.with { $0.version = "v1.34.10+k3s1" }),
            Scenario("share probe that is never answered", before: small.fleet(), after: probed)
                .ending(.blocked(["demo-web-n1": [.waitTimedOut]])).disturbed { $0.endWeb(of: "demo-web-n1") },
        ]
    }
}
