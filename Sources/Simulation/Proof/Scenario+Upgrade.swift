import FleetCore
import K3s

/// Another release of k3s.
extension Scenario {
    static func upgrades(_ base: FleetSketch) -> [Scenario] {
        // Short ways, for every pair of crashes of each is tried.
        var small = base
        small.web = 1
        let (fleet, new) = (small.fleet(), small.with { $0.version = "v1.34.10+k3s1" })
        let minor = small.with { ($0.version, $0.upgradePath) = ("v1.36.1+k3s1", ["v1.35.4+k3s1"]) }
        let web = "demo-web-n1"
        var pool = base
        (pool.web, pool.maxUnavailable) = (4, "2")
        var (several, pair) = (small, base)
        pair.web = 2
        (several.servers, several.batch) = (3, 0)
        return [
            Scenario("upgrade", before: fleet, after: new).edited([fleet]),
            Scenario("upgrade of two minors", before: fleet, after: minor),
            Scenario("upgrade of three servers", before: several.fleet(), after: several.with { $0.version = "v1.34.10+k3s1" }),
            Scenario("downgrade", before: new, after: fleet)
                .ending(.blocked(Dictionary(uniqueKeysWithValues: fleet.nodes.map { ($0.name, [.downgrade]) }))),
            Scenario("upgrade that leaves out a minor", before: fleet, after: small.with { $0.version = "v1.36.1+k3s1" })
                .ending(.blocked(Dictionary(uniqueKeysWithValues: fleet.nodes.map { ($0.name, [.upgradeSkipsMinor]) }))),
            // Enough nodes for some to be left when the first has failed.
            Scenario("upgrade that an agent does not survive", before: pool.fleet(), after: pool.with { $0.version = "v1.34.10+k3s1" })
                .ending(.blocked([web: [.upgradeFailed]]))
                .retrying(["upgradeK3s \(web)", "revertK3s \(web)", "stageK3s \(web)", "evacuate \(web)"])
                .disturbed { $0.breakRelease("v1.34.10+k3s1", on: web) },
            Scenario("upgrade beside another upgrader", before: fleet, after: new)
                .ending(.blocked(Dictionary(uniqueKeysWithValues: fleet.nodes.map { ($0.name, [.upgradeControllerAtWork]) })))
                .disturbed { world in
                    _ = world.clusters[0].change(web) { $0.annotations[ClusterModel.upgradePlan] = "system-upgrade/server" }
                },
            Scenario("upgrade and grow at once", before: fleet, after: base.with { $0.version = "v1.34.10+k3s1" }),
            Scenario("upgrade while a node is down", before: pair.fleet(), after: pair.with { $0.version = "v1.34.10+k3s1" })
                .ending(.blocked(["demo-web-n2": [.nodeDeadForGood], web: [.limitHeld]])).disturbed { $0.kill("demo-web-n2") },
        ]
    }
}

extension WorldState {
    /// A release does not come up on this machine.
    mutating func breakRelease(_ version: String, on name: String) {
        guard let index = at(name), let version = K3sVersion(version) else { return }
        machines[index].brokenReleases = [version]
    }
}
