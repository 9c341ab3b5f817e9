import FleetCore
import K3s
import Live

@testable import Daemon
@testable import Reconciler

/// Sample observations of a daemon.
enum Samples {
    static let now = 1_795_000_000.0

    /// One server and `web` agents, the servers' pool first.
    static func fleet(web: Int = 2) throws -> DesiredFleet {
        let text = """
            {
              apiVersion: "exedev-k8s/v1",
              cluster: {
                name: "demo", k3s: "v1.34.9+k3s1", servers: 1, network: { mode: "tailscale", authKey: { env: "TS_AUTHKEY" } },
              },
              pools: { web: { nodes: \(web) } },
            }
            """
        guard let fleet = FleetFile.parse(text, file: "f").fleet else { throw Unreadable() }
        return fleet
    }

    struct Unreadable: Error {}

    /// Every node settled and ready, except for `decisions`; the VMs in `gone` are not listed.
    static func result(_ fleet: DesiredFleet, _ decisions: [String: Decision] = [:], gone: Set<String> = []) -> Reconciler.Result {
        var seen = Observation()
        seen.vms = Dictionary(
            uniqueKeysWithValues: fleet.nodes.filter { !gone.contains($0.name) }.map { node in
                (
                    node.name,
                    ObservedVM(
                        name: node.name, status: .running, tags: [fleet.cluster.tag], address: .init(host: "h", port: nil, user: nil),
                        createdAt: nil, url: nil)
                )
            })
        var reading = ClusterReading()
        reading.apiReady = true
        reading.nodes = fleet.nodes.map { node in
            NodeReading(
                name: node.name, ready: gone.contains(node.name) ? .unknown : .ready, version: node.k3s, internalIP: "100.64.1.2",
                labels: node.labels)
        }
        seen.cluster = .read(reading)
        let lines = fleet.nodes.map { node in
            Plan.Line(node: node.name, pool: node.pool, decision: decisions[node.name] ?? .settled, then: [])
        }
        return .init(
            plan: Plan(cluster: "demo", lines: lines), seen: seen,
            ledger: Ledger(cluster: "demo", clusterID: "id", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"), effects: 0,
            ranOutOfTime: false)
    }

    /// The traffic of one pass.
    static let traffic = {
        var traffic = Traffic()
        traffic.requests = [.init("new", 200): 2, .init("ls", nil): 1]
        (traffic.throttledSeconds, traffic.connections, traffic.sessions) = (1.5, 1, 3)
        return traffic
    }()

    static let step = Action.forget(node: "demo-web-n1")
}

/// A `FleetStatus` after some events, one second apart.
struct Story {
    var fleetStatus = FleetStatus()
    var time = Samples.now

    mutating func note(_ notices: Notice...) {
        for notice in notices {
            time += 1
            fleetStatus.note(notice, now: time, uptime: time)
        }
    }

    mutating func beat(_ pulse: Pulse) {
        time += 1
        fleetStatus.beat(pulse, now: time, uptime: time)
    }

    /// A pass that sends a request and takes one second more.
    mutating func pass(_ end: Notice...) {
        beat(.passBegan { Samples.traffic })
        for notice in end { note(notice) }
    }
}
