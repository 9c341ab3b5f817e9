import Testing

/// One row at least for each check of the fleet file.
@Suite struct SpecTableTests {
    static let all = [document, header, cluster, networks, k3sKeys].flatMap(\.self)

    @Test(arguments: all)
    func saysExactly(row: SpecRow) { #expect(told(row.text) == row.want) }

    @Test func theBaseOfTheTableIsGood() { #expect(told(FleetText()) == []) }

    static let document = [
        SpecRow(
            "empty", raw: "",
            "1: the file ends where a value should stand"),
        SpecRow(
            "no object", raw: "[]",
            "1: must be an object"),
        SpecRow(
            "an unclosed object", raw: "{\n apiVersion: 'a',",
            #"1: this "{" is never closed"#),
        SpecRow(
            "an unclosed text", raw: "{\n apiVersion: 'a\n}",
            "2: this text is never closed"),
        SpecRow(
            "an unclosed comment", raw: "/*\n",
            "1: this comment is never closed"),
        SpecRow(
            "text after the end", raw: "{}\n}",
            "2: text after the end of the value"),
        SpecRow(
            "a bare word as a value", raw: "{a: demo}",
            #"1: "demo" is no value; texts stand in quotes"#),
        SpecRow(
            "a missing comma", raw: "{a: 1\n b: 2}",
            #"2: expected "," or "}""#),
        SpecRow(
            "a number that begins with 0", raw: "{a: 007}",
            "1: a number may not start with 0"),
        SpecRow(
            "half a surrogate pair", raw: "{a: '\\ud800'}",
            "1: half of a surrogate pair"),
        SpecRow(
            "too deep", raw: String(repeating: "[", count: 100),
            "1: nested deeper than 64 levels"),
        SpecRow(
            "unknown field", FleetText(rest: "polcy: {prune: true},"),
            "11 polcy: unknown field -> policy"),
        SpecRow(
            "unknown field without a near one", FleetText(rest: "kubernetes: {},"),
            "11 kubernetes: unknown field"),
        SpecRow(
            "another transport", FleetText(rest: "transport: 'tcp',"),
            #"11 transport: "tcp" is neither https nor ssh"#),
        SpecRow(
            "unknown field inside", FleetText(limits: "maxVms: 3"),
            "10 limits.maxVms: unknown field -> maxVMs"),
        SpecRow(
            "a name twice", FleetText(web: "nodes: 2,\nnodes: 3"),
            "8 pools.web.nodes: this name stands already on line 7"),
        SpecRow(
            "a pool twice", FleetText(pools: "web: {nodes: 1}"),
            "8 pools.web: this name stands already on line 7"),
        SpecRow(
            "null is no value", FleetText(web: "nodes: null"),
            "7 pools.web.nodes: must be a whole number from 0 to 1000"),
        SpecRow(
            "a list for an object", FleetText(rest: "policy: [],"),
            "11 policy: must be an object"),
        SpecRow(
            "a number for a truth", FleetText(rest: "policy: {prune: 1},"),
            "11 policy.prune: must be true or false"),
        SpecRow(
            "a policy that is none", FleetText(rest: "policy: {replace: \"agent\"},"),
            "11 policy.replace: \"agent\" is none of never, agents and all -> agents"),
        SpecRow(
            "a fraction", FleetText(web: "nodes: 1.5"),
            "7 pools.web.nodes: must be a whole number from 0 to 1000"),
    ]

    static let header = [
        SpecRow(
            "no apiVersion; the rest is checked", FleetText(head: "", web: "nodes: -1"),
            #"1 apiVersion: add apiVersion: "exedev-k8s/v1""#,
            "7 pools.web.nodes: must be a whole number from 0 to 1000"),
        SpecRow(
            "another apiVersion", FleetText(head: "apiVersion: 'exedev-k8s/v2',"),
            #"2 apiVersion: "exedev-k8s/v2" is not known; this program reads "exedev-k8s/v1" -> exedev-k8s/v1"#),
        SpecRow(
            "$schema is a text", FleetText(rest: "$schema: 1"),
            "11 $schema: must be a text in quotes"),
        SpecRow(
            "no cluster; the rest is checked", raw: "{apiVersion: 'exedev-k8s/v1',\npools: {web: {nodes: 'two', vmPrefix: '-'}}}",
            "1 cluster: the field is required",
            "2 pools.web.nodes: must be a whole number from 0 to 1000",
            #"2 pools.web.vmPrefix: "-" is no prefix of VM names: [a-z][a-z0-9]*(-[a-z0-9]+)*"#),
        SpecRow(
            "cluster is no object", raw: "{apiVersion: 'exedev-k8s/v1', cluster: 'demo',\npools: {a: {vmPrefix: 'x', nodes: 1}}}",
            "1 cluster: must be an object",
            #"2 pools.a.vmPrefix: the VM name "x-n1" has 4 characters, exe.dev allows 5 to 52; choose another vmPrefix"#),
    ]

    static let cluster = [
        SpecRow(
            "no name and no k3s", FleetText(cluster: ""),
            #"3 cluster.k3s: the field is required, such as "v1.34.9+k3s1""#,
            "3 cluster.name: the field is required"),
        SpecRow(
            "bad name", FleetText(cluster: "name: 'Demo', k3s: 'v1.34.9+k3s1',"),
            #"3 cluster.name: "Demo" must be [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 20 characters"#),
        SpecRow(
            "name ends in a hyphen", FleetText(cluster: "name: 'demo-', k3s: 'v1.34.9+k3s1',"),
            #"3 cluster.name: "demo-" must be [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 20 characters"#),
        SpecRow(
            "long name", FleetText(cluster: "name: 'abcdefghijklmnopqrstu', k3s: 'v1.34.9+k3s1',"),
            #"3 cluster.name: "abcdefghijklmnopqrstu" must be [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 20 characters"#),
        SpecRow(
            "a channel for a release", FleetText(cluster: "name: 'demo', k3s: 'stable',"),
            #"3 cluster.k3s: "stable" is no exact release; channels and ranges move, write one like "v1.34.9+k3s1""#),
        SpecRow(
            "no packaging number", FleetText(cluster: "name: 'demo', k3s: 'v1.34.9',"),
            #"3 cluster.k3s: "v1.34.9" is no exact release; channels and ranges move, write one like "v1.34.9+k3s1""#),
        SpecRow(
            "three servers", FleetText(more: "servers: 3"),
            "4 cluster.servers: warning: k3s does not support etcd between servers that reach each other over an overlay network alone; a server whose round trip to the others is above limits.etcdRoundTripMilliseconds is not joined"
        ),
        SpecRow(
            "seven servers", FleetText(more: "servers: 7"),
            "4 cluster.servers: the number of servers is 1, 3 or 5"),
        SpecRow("one server on etcd", FleetText(more: "servers: 1, datastore: 'etcd'")),
        SpecRow(
            "several servers on sqlite", FleetText(more: "datastore: 'sqlite', servers: {nodes: 3}"),
            "4 cluster.datastore: sqlite keeps the state of one server alone; 3 servers need etcd",
            "4 cluster.servers.nodes: warning: k3s does not support etcd between servers that reach each other over an overlay network alone; a server whose round trip to the others is above limits.etcdRoundTripMilliseconds is not joined"
        ),
        SpecRow("another datastore", FleetText(more: "datastore: 'mysql'"), "4 cluster.datastore: \"mysql\" is no datastore: sqlite, etcd"),
        SpecRow(
            "two servers", FleetText(more: "servers: {nodes: 2}"),
            "4 cluster.servers.nodes: the number of servers is 1, 3 or 5; an even number of servers tolerates no more losses than one fewer"
        ),
        SpecRow(
            "no server", FleetText(more: "servers: 0"),
            "4 cluster.servers: the number of servers is 1, 3 or 5"),
        SpecRow(
            "servers of another release", FleetText(more: "servers: {k3s: 'v1.33.0+k3s1'}"),
            "4 cluster.servers.k3s: differs from cluster.k3s, v1.34.9+k3s1, which is the servers' release"),
        SpecRow(
            "overlay", FleetText(more: "network: {mode: 'tailscail'}"),
            #"4 cluster.network.mode: "tailscail" is not supported; the only mode is "tailscale" -> tailscale"#),
        SpecRow(
            "a secret in the file", FleetText(more: "network: {authKey: 'tskey-auth-x'}"),
            #"4 cluster.network.authKey: secrets never stand in the file: write {env: "NAME"} or {file: "path"}"#),
        SpecRow(
            "a secret for a name, not repeated", FleetText(more: "network: {authKey: {env: 'tskey-auth-x'}}"),
            "4 cluster.network.authKey.env: must be the name of an environment variable"),
        SpecRow(
            "no reference", FleetText(more: "network: {authKey: {}}"),
            #"4 cluster.network.authKey: must be {env: "NAME"} or {file: "path"}"#),
        SpecRow(
            "two references", FleetText(more: "network: {authKey: {env: 'A', file: 'b'}}"),
            #"4 cluster.network.authKey: must be {env: "NAME"} or {file: "path"}"#),
        SpecRow(
            "an empty path", FleetText(more: "network: {authKey: {file: ''}}"),
            "4 cluster.network.authKey.file: must be the path of a file"),
        SpecRow(
            "tags of the tailnet", FleetText(more: "network: {tags: ['k3s', 'tag:1', 'tag:a,tag:b', 'tag:ok-1']}"),
            #"4 cluster.network.tags[0]: "k3s" is no tag of a tailnet, such as "tag:k3s""#,
            #"4 cluster.network.tags[1]: "tag:1" is no tag of a tailnet, such as "tag:k3s""#,
            #"4 cluster.network.tags[2]: "tag:a,tag:b" is no tag of a tailnet, such as "tag:k3s""#),
        SpecRow(
            "a control server", FleetText(more: "network: {controlURL: 'headscale.example'}"),
            #"4 cluster.network.controlURL: "headscale.example" is no URL of a server, such as "https://headscale.example""#),
        SpecRow(
            "a control server with a login", FleetText(more: "network: {controlURL: 'https://me:pw@headscale.example'}"),
            #"4 cluster.network.controlURL: "https://me:pw@headscale.example" is no URL of a server, such as "https://headscale.example""#),
        SpecRow(
            "a component", FleetText(more: "disable: ['treafik', 'dns']"),
            #"4 cluster.disable[0]: "treafik" is no packaged component: coredns, local-storage, metrics-server, runtimes, servicelb, traefik -> traefik"#,
            #"4 cluster.disable[1]: "dns" is no packaged component: coredns, local-storage, metrics-server, runtimes, servicelb, traefik"#),
    ]

    static let networks = [
        SpecRow(
            "no network", FleetText(more: "clusterCIDR: '10.244.0.0'"),
            #"4 cluster.clusterCIDR: "10.244.0.0" is no IPv4 network such as "10.244.0.0/16", all bits behind its prefix 0"#),
        SpecRow(
            "bits behind the prefix", FleetText(more: "clusterCIDR: '10.244.1.0/16'"),
            #"4 cluster.clusterCIDR: "10.244.1.0/16" is no IPv4 network such as "10.244.0.0/16", all bits behind its prefix 0"#),
        SpecRow(
            "exe.dev's network", FleetText(more: "clusterCIDR: '10.0.0.0/8', serviceCIDR: '10.42.128.0/17'"),
            "4 cluster.clusterCIDR: 10.0.0.0/8 overlaps 10.42.0.0/16, where exe.dev's VMs sit: the VM would own its gateway's address and be cut off",
            "4 cluster.serviceCIDR: 10.42.128.0/17 overlaps 10.42.0.0/16, where exe.dev's VMs sit: the VM would own its gateway's address and be cut off",
            "4 cluster.serviceCIDR: clusterCIDR 10.0.0.0/8 and serviceCIDR 10.42.128.0/17 overlap"),
        SpecRow(
            "the overlay's network", FleetText(more: "serviceCIDR: '100.96.0.0/16'"),
            "4 cluster.serviceCIDR: 100.96.0.0/16 overlaps 100.64.0.0/10, where the overlay's addresses are"),
        SpecRow(
            "public networks", FleetText(more: "clusterCIDR: '11.0.0.0/16', serviceCIDR: '192.168.0.0/15'"),
            "4 cluster.clusterCIDR: 11.0.0.0/16 is not private; choose inside one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16",
            "4 cluster.serviceCIDR: 192.168.0.0/15 is not private; choose inside one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"),
        SpecRow(
            "one inside the other", FleetText(more: "clusterCIDR: '172.16.0.0/12', serviceCIDR: '172.20.0.0/16'"),
            "4 cluster.serviceCIDR: clusterCIDR 172.16.0.0/12 and serviceCIDR 172.20.0.0/16 overlap"),
        SpecRow(
            "onto the standard", FleetText(more: "clusterCIDR: '10.245.0.0/16'"),
            "4 cluster.clusterCIDR: clusterCIDR 10.245.0.0/16 and serviceCIDR 10.245.0.0/16 overlap"),
        SpecRow(
            "room for two of three nodes", FleetText(more: "clusterCIDR: '10.50.0.0/23'"),
            "4 cluster.clusterCIDR: clusterCIDR 10.50.0.0/23 has room for 2 nodes, a /24 each; the file asks for 3"),
        SpecRow(
            "room for no node", FleetText(more: "clusterCIDR: '10.50.0.0/25'"),
            "4 cluster.clusterCIDR: clusterCIDR 10.50.0.0/25 has room for 0 nodes, a /24 each; the file asks for 3"),
        SpecRow(
            "the standard's room", FleetText(web: "nodes: 256", limits: "maxVMs: 300"),
            "3 cluster: clusterCIDR 10.244.0.0/16 has room for 256 nodes, a /24 each; the file asks for 257"),
        SpecRow(
            "services too few and too many", FleetText(more: "serviceCIDR: '10.50.0.0/25'"),
            "4 cluster.serviceCIDR: 10.50.0.0/25 must have a prefix from /12 to /24"),
        SpecRow(
            "more services than an API server takes", FleetText(more: "serviceCIDR: '10.128.0.0/11'"),
            "4 cluster.serviceCIDR: 10.128.0.0/11 must have a prefix from /12 to /24"),
    ]

    static let k3sKeys = [
        SpecRow(
            "a slip", FleetText(more: "serverConfig: {'tls-sans': ['a']}"),
            "4 cluster.serverConfig.tls-sans: no key of k3s that a fleet file may set -> tls-san"),
        SpecRow(
            "a server's key on agents", FleetText(more: "agentConfig: {'system-default-registry': 'r'}"),
            "4 cluster.agentConfig.system-default-registry: only servers know this key; an agent that finds it crash-loops"),
        SpecRow(
            "an agent's key on servers", FleetText(more: "serverConfig: {'disable-apiserver-lb': true}"),
            "4 cluster.serverConfig.disable-apiserver-lb: only agents know this key"),
        SpecRow(
            "owned keys", FleetText(more: "serverConfig: {token: 'x', 'node-ip': 'y'}, agentConfig: {'node-label': ['a=b']}"),
            "4 cluster.serverConfig.token: exedev-k8s owns this key: the tool makes it",
            "4 cluster.serverConfig.node-ip: exedev-k8s owns this key: the overlay decides it",
            "4 cluster.agentConfig.node-label: exedev-k8s owns this key: use labels"),
        SpecRow(
            "snapshots of sqlite", FleetText(more: "serverConfig: {'etcd-snapshot-retention': 5, 'write-kubeconfig': '/root/x'}"),
            "4 cluster.serverConfig.etcd-snapshot-retention: one server keeps its state in sqlite, of which k3s makes no snapshots; copy /var/lib/rancher/k3s/server",
            "4 cluster.serverConfig.write-kubeconfig: exedev-k8s owns this key: the tool reads /etc/rancher/k3s/k3s.yaml"),
        SpecRow("DNS among the services", FleetText(more: "serverConfig: {'cluster-dns': '10.245.0.10'}")),
        SpecRow(
            "DNS elsewhere", FleetText(more: "serverConfig: {'cluster-dns': '10.43.0.10'}"),
            "4 cluster.serverConfig: cluster-dns 10.43.0.10 is no address inside serviceCIDR 10.245.0.0/16"),
        SpecRow(
            "wireguard", FleetText(more: "serverConfig: {'flannel-backend': 'wireguard-native'}"),
            "4 cluster.serverConfig.flannel-backend: wireguard-native cannot work: no exe.dev VM has an address that another one reaches"),
        SpecRow(
            "a link that is not there", FleetText(more: "serverConfig: {'flannel-backend': 'host-gw'}"),
            "4 cluster.serverConfig.flannel-backend: host-gw cannot work: exe.dev's VMs share no link"),
        SpecRow(
            "a backend", FleetText(more: "serverConfig: {'flannel-backend': 'vxlam'}"),
            #"4 cluster.serverConfig.flannel-backend: "vxlam" is no backend of flannel: none, vxlan -> vxlan"#),
        SpecRow(
            "values of keys", FleetText(more: "agentConfig: {'kubelet-arg': {a: 1}, 'resolv-conf': null, 'kube-proxy-arg': [1]}"),
            "4 cluster.agentConfig.kubelet-arg: must be a text, a whole number, true, false or a list of texts",
            "4 cluster.agentConfig.resolv-conf: must be a text, a whole number, true, false or a list of texts",
            "4 cluster.agentConfig.kube-proxy-arg[0]: must be a text in quotes"),
    ]
}
