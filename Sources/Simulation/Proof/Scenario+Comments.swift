import FleetCore
import K3s

/// What exe.dev's list says of a VM, and what must be the same on all servers.
extension Scenario {
    static func criticalValues() -> [Scenario] {
        let three = FleetSketch(web: 1, isShared: false, servers: 3, batch: 0)
        return [
            Scenario("critical value changed with three servers", before: three.fleet(), after: three.with { $0.disable = ["traefik"] })
                .ending(.blocked(Dictionary(uniqueKeysWithValues: (1...3).map { ("demo-cp-n\($0)", [.criticalValuesChanged]) })))
        ]
    }

    static func comments() -> [Scenario] {
        let small = FleetSketch(web: 1, isShared: false, batch: 0)
        let (said, other) = (small.with { $0.comment = "shop" }, small.with { $0.comment = "shop, ask ada" })
        return [
            Scenario("comment change", before: said, after: other).edited([said, small.fleet()]),
            Scenario("comment taken out of the file", before: said, after: small.fleet()),
            Scenario("comment changed by hand", before: said, after: said).disturbed { $0.commentByHand("demo-web-n1") },
            Scenario("first create with a comment", before: nil, after: other),
        ]
    }
}
