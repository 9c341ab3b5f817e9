import FleetCore
import Testing

/// One bad file, and every word that is said of it.
@Suite struct SnapshotTests {
    static let bad = """
        // Everything here is wrong somewhere.
        {
          apiVersion: "exedev-k8s/v2",
          cluster: {
            name: "shop",
            k3s: "v1.34",
            servers: { nodes: 2, memory: "1GB" },
            clusterCIDR: "10.42.0.0/16",
            serviceCIDR: "10.96.0.0/8",
            network: { mode: "wireguard", authKey: "tskey-auth-secret" },
            disable: ["traefic"],
            agentConfig: { "tls-san": ["a"], "kublet-arg": ["v=2"] },
          },
          defaults: { memory: 4, labels: { "exedev.dev/pool": "x" } },
          pools: {
            Web: { nodes: 1, taints: ["a=b"] },
            api: { node: 2, vmPrefix: "shop-n", share: { users: ["root"] } },
            jobs: { nodes: 30, vmPrefix: "shop-n", tags: ["9to5"],
              tags: [] },
            logs: { nodes: 1, vmPrefix: "shop-n" },
          },
          limit: {},
          policy: { prune: "yes" },
        }
        """

    static let said = #"""
        fleet.json:3:15: apiVersion: "exedev-k8s/v2" is not known; this program reads "exedev-k8s/v1"; did you mean "exedev-k8s/v1"?
        fleet.json:6:10: cluster.k3s: "v1.34" is no exact release; channels and ranges move, write one like "v1.34.9+k3s1"
        fleet.json:7:23: cluster.servers.nodes: the number of servers is 1, 3 or 5; an even number of servers tolerates no more losses than one fewer
        fleet.json:7:34: cluster.servers.memory: warning: 1GB is less than the 2GB that k3s asks for a server
        fleet.json:8:18: cluster.clusterCIDR: 10.42.0.0/16 overlaps 10.42.0.0/16, where exe.dev's VMs sit: the VM would own its gateway's address and be cut off
        fleet.json:9:18: cluster.serviceCIDR: "10.96.0.0/8" is no IPv4 network such as "10.245.0.0/16", all bits behind its prefix 0
        fleet.json:10:22: cluster.network.mode: "wireguard" is not supported; the only mode is "tailscale"
        fleet.json:10:44: cluster.network.authKey: secrets never stand in the file: write {env: "NAME"} or {file: "path"}
        fleet.json:11:15: cluster.disable[0]: "traefic" is no packaged component: coredns, local-storage, metrics-server, runtimes, servicelb, traefik; did you mean "traefik"?
        fleet.json:12:20: cluster.agentConfig.tls-san: only servers know this key; an agent that finds it crash-loops
        fleet.json:12:38: cluster.agentConfig.kublet-arg: no key of k3s that a fleet file may set; did you mean "kubelet-arg"?
        fleet.json:14:23: defaults.memory: 4 has no unit; write a text such as "4GB" or "512MB"; did you mean "4GB"?
        fleet.json:14:36: defaults.labels.exedev.dev/pool: "exedev.dev/pool" is reserved: exedev-k8s sets it itself; use project or task
        fleet.json:15:10: pools: the file asks for 33 VMs, limits.maxVMs allows 25
        fleet.json:16:5: pools.Web: a pool's name is [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 63 characters and not "servers"
        fleet.json:16:31: pools.Web.taints[0]: must be a taint such as "key=value:NoSchedule" or {key, value, effect}
        fleet.json:17:5: pools.api.nodes: the field is required
        fleet.json:17:12: pools.api.node: unknown field; did you mean "nodes"?
        fleet.json:17:58: pools.api.share.users[0]: "root" is no e-mail address
        fleet.json:18:51: pools.jobs.tags[0]: "9to5" is no tag: [a-z][a-z0-9_-]*
        fleet.json:19:7: pools.jobs.tags: this name stands already on line 18
        fleet.json:20:33: pools.logs.vmPrefix: the VM name "shop-n-n1" is used already by pools.jobs.vmPrefix on line 18
        fleet.json:22:3: limit: unknown field; did you mean "limits"?
        fleet.json:23:20: policy.prune: must be true or false
        """#

    @Test func allProblemsAtOnce() {
        let told = FleetFile.parse(Self.bad, file: "fleet.json").diagnostics.map(\.description)
        #expect(told.joined(separator: "\n") == Self.said)
        #expect(!told.joined().contains("tskey"), "a secret is not repeated")
    }
}
