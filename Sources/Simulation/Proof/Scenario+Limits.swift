import FleetCore
import K3s

/// Several nodes at once, as many as the limits allow.
extension Scenario {
    static func atOnce() -> [Scenario] {
        // No batch agent: what is changed is in one pool.
        var four = FleetSketch(web: 4, isShared: false, maxUnavailable: "2", deletionsPerPass: 2, batch: 0)
        let (fleet, two) = (four.fleet(), four)
        (four.maxUnavailable, four.deletionsPerPass) = ("3", 3)
        return [
            Scenario("shrink by two at once", before: fleet, after: two.with { $0.web = 2 }).edited([fleet]),
            Scenario("shrink by three at once", before: four.fleet(), after: four.with { $0.web = 1 }).edited([four.fleet()]),
            Scenario("configuration change of two at once", before: fleet, after: two.with { $0.kubelet = "50" }),
            Scenario("configuration change of three at once", before: four.fleet(), after: four.with { $0.kubelet = "50" }),
            Scenario("upgrade of two agents at once", before: fleet, after: two.with { $0.version = "v1.34.10+k3s1" }),
            Scenario("pool renamed, two at once", before: two.with { $0.web = 2 }, after: two.with { ($0.web, $0.pool) = (2, "front") }),
        ]
    }
}
