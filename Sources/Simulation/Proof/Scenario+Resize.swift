import FleetCore
import K3s

/// Other sizes of the VMs.
extension Scenario {
    static func resizes() -> [Scenario] {
        let small = FleetSketch(web: 2, isShared: false, batch: 0)
        let (fleet, web) = (small.fleet(), "demo-web-n1")
        let three = FleetSketch(web: 1, isShared: false, servers: 3, batch: 0).fleet()
        let cpu = sized(fleet, .agent) { $0.cpu = 4 }
        let (large, disk) = (
            sized(fleet, .agent) { $0.disk = "40GB" }, sized(FleetSketch(web: 1, batch: 0).fleet(), .agent) { $0.disk = "40GB" }
        )
        let (one, oneServer) = (FleetSketch(web: 1, isShared: false, batch: 0).fleet(), "demo-cp-n1")
        return [
            Scenario("resize of agents", before: fleet, after: cpu).edited([fleet]),
            Scenario("resize of agents in lists that tell the next size", before: fleet, after: cpu).disturbed { $0.list(.asNext) },
            Scenario("resize of agents in lists that tell no size", before: fleet, after: cpu).disturbed { $0.list(.untold) },
            Scenario("resize that the lists never show", before: one, after: sized(one, .agent) { $0.cpu = 4 })
                .ending(.blocked([web: [.resizeIneffective]])).disturbed { $0.list(.forever, of: web) },
            Scenario("resize of the server", before: one, after: sized(one, .server) { $0.memory = "8GB" }),
            Scenario("resize of three servers", before: three, after: sized(three, .server) { $0.memory = "8GB" }),
            Scenario("resize of all", before: one, after: sized(sized(one, .agent) { $0.cpu = 4 }, .server) { $0.cpu = 4 }),
            Scenario("larger disks", before: fleet, after: large).edited([cpu]),
            Scenario("disk that exe.dev has to approve", before: one, after: sized(one, .agent) { ($0.disk, $0.cpu) = ("40GB", 4) })
                .ending(.blocked([web: [.diskAwaitsApproval]])).disturbed { $0.account.selfServeDisk = "30GB" },
            Scenario("smaller disk", before: disk, after: FleetSketch(web: 1, batch: 0).fleet())
                .ending(.blocked([web: [.diskNotShrinkable]])),
            Scenario("resized by hand", before: fleet, after: fleet).disturbed { $0.resizeByHand(web, cpu: "8", memory: "16GB") },
            Scenario("disk resized by hand", before: one, after: one).ending(.blocked([web: [.diskNotShrinkable]]))
                .disturbed { $0.resizeByHand(web, disk: "100GB") },
            Scenario("resize that exe.dev refuses", before: one, after: sized(one, .server) { $0.cpu = 64 })
                .ending(.blocked([oneServer: [.actionRefused]])).retrying(["resizeVM \(oneServer)"])
                .disturbed { $0.account.largestCPU = 16 },
            Scenario(
                "resize and upgrade at once", before: FleetSketch(web: 1, isShared: false).fleet(),
                after: sized(FleetSketch(web: 1, isShared: false, version: "v1.34.10+k3s1").fleet(), nil) { $0.cpu = 4 }),
            Scenario(
                "resize before the maintenance window", before: FleetSketch(web: 1, isShared: false, window: window, batch: 0).fleet(),
                after: sized(FleetSketch(web: 1, isShared: false, window: window, batch: 0).fleet(), .agent) { $0.cpu = 4 }
            )
            .disturbed { $0.pass(to: 1_700_085_000) },
        ]
    }

    private static let window = #"{from: "23:00", to: "23:03", zone: "UTC"}"#

    /// `role`: nil is every node.
    private static func sized(_ fleet: DesiredFleet, _ role: Role?, _ change: (inout VMSpec) -> Void) -> DesiredFleet {
        var fleet = fleet
        for index in fleet.nodes.indices where role == nil || fleet.nodes[index].role == role { change(&fleet.nodes[index].vm) }
        return fleet
    }
}
