import FleetCore
import K3s
import Testing

/// What a good file becomes.
@Suite struct SpecTests {
    static let full = """
        {
          $schema: './fleet.schema.json',
          apiVersion: 'exedev-k8s/v1',
          cluster: {
            name: 'demo', k3s: 'v1.34.9+k3s1', servers: {memory: '8G', taints: ['only=servers:NoSchedule']},
            clusterCIDR: '10.50.0.0/16', serviceCIDR: '172.16.0.0/16', network: {mode: 'tailscale', authKey: {file: 'ts.key'}},
            disable: ['traefik'], serverConfig: {'tls-san': 'k8s.example.com', v: 2}, agentConfig: {'kubelet-arg': ['max-pods=50']},
          },
          defaults: {cpu: 4, memory: '3GB', disk: '25GB', tags: ['b'], labels: {tier: 'back'}, taints: ['a=1:NoSchedule'], isolated: true},
          pools: {
            web: {
              nodes: 1, vmPrefix: 'front', k3s: 'v1.33.2+k3s1', project: 'shop', task: 'serve', image: 'ubuntu:24.04', cpu: 1,
              tags: ['a'], labels: {tier: 'front'}, taints: ['a=2:NoSchedule', {key: 'b', effect: 'NoExecute'}], isolated: false,
              share: {port: 8080, public: true, users: ['z@example.com', 'a@example.com', 'a@example.com'],
                probe: {path: '/healthz'}},
            },
            batch: {nodes: 2},
          },
          limits: {maxVMs: 9, deletionsPerPass: 2, hostsAtOnce: 3, connectsPerMinute: 4, maxUnavailable: 5},
          policy: {prune: true},
          ssh: {keyFile: 'id', user: 'root', hostKeys: {knownHosts: 'known'}},
        }
        """

    let fleet: DesiredFleet

    init() throws {
        #expect(told(Self.full) == [])
        fleet = try #require(FleetFile.parse(Self.full, file: "f").fleet)
    }

    @Test(arguments: [("true", OpenSSHConfig.usual), ("false", .unused), ("'ssh_config'", .file("ssh_config"))])
    func sshConfig(text: String, config: OpenSSHConfig) throws {
        let file = Self.full.replacing("{keyFile: 'id',", with: "{config: \(text), keyFile: 'id',")
        #expect(FleetFile.parse(file, file: "f").fleet?.ssh.config == config)
    }

    @Test func cluster() throws {
        #expect(fleet.cluster.tag == "fleet-demo")
        #expect(fleet.cluster.clusterCIDR.description == "10.50.0.0/16")
        #expect(fleet.cluster.overlay == .tailscale(authKey: .file("ts.key")))
        #expect(fleet.cluster.serverConfig == ["tls-san": .list(["k8s.example.com"]), "v": .integer(2)])
        #expect(fleet.cluster.agentConfig == ["kubelet-arg": .list(["max-pods=50"])])
        #expect(
            fleet.limits == FleetLimits(maxVMs: 9, deletionsPerPass: 2, hostsAtOnce: 3, connectsPerMinute: 4, maxUnavailable: .count(5)))
        #expect(fleet.policy == Policy(prune: true))
        #expect(fleet.ssh == SSHSettings(keyFile: "id", user: "root", hostKeys: .knownHosts(file: "known")))
    }

    @Test func overlayOfOnesOwn() throws {
        let text = FleetText(more: "network: {tags: ['tag:k3s'], controlURL: 'http://10.0.0.1:8080/hs'}")
        let overlay = try #require(FleetFile.parse("\(text)", file: "f").fleet).cluster.overlay
        let login = OverlayLogin(tags: ["tag:k3s"], controlURL: "http://10.0.0.1:8080/hs")
        #expect(overlay == .tailscale(authKey: .environment("TS_AUTHKEY"), login))
    }

    @Test func namesNodesServersFirst() {
        #expect(fleet.nodes.map(\.name) == ["demo-cp-n1", "front-n1", "demo-batch-n1", "demo-batch-n2"])
        #expect(fleet.nodes.map(\.role) == [.server, .agent, .agent, .agent])
        #expect(fleet.nodes.map(\.k3s.minor) == [34, 33, 34, 34])
    }

    @Test func serversAreNotIsolatedByTheDefaults() {
        let server = fleet.nodes[0]
        #expect(server.vm == VMSpec(image: "exeuntu", cpu: 4, memory: "8G", disk: "25GB", tags: ["b"]))
        #expect(server.labels == ["tier": "back", "exedev.dev/pool": "servers"])
        #expect(server.taints.map(\.description) == ["a=1:NoSchedule", "only=servers:NoSchedule"])
    }

    @Test func aPoolsWordsGoBeforeTheDefaults() {
        let web = fleet.nodes[1]
        #expect(web.vm == VMSpec(image: "ubuntu:24.04", cpu: 1, memory: "3GB", disk: "25GB", tags: ["a", "b"]))
        let ours = ["exedev.dev/pool": "web", "exedev.dev/project": "shop", "exedev.dev/task": "serve"]
        #expect(web.labels == ours.merging(["tier": "front"]) { $1 })
        #expect(web.taints.map(\.description) == ["a=2:NoSchedule", "b:NoExecute"])
        #expect(web.share == Share(port: 8080, isPublic: true, users: ["a@example.com", "z@example.com"]))
        #expect(web.question == ShareQuestion(vm: "front-n1", probe: ShareProbe(path: "/healthz", status: 200), isPublic: true))
        #expect(web.question?.url == "https://front-n1.exe.xyz/healthz" && fleet.nodes[2].question == nil)
    }

    @Test func isolationIsATaint() {
        #expect(fleet.nodes[2].taints.map(\.description) == ["a=1:NoSchedule", "exedev.dev/pool=batch:NoSchedule"])
    }
}
