import Testing

/// The rows for pools, limits and ssh.
@Suite struct PoolTableTests {
    static let all = [pools, names, sizes, labels, taints, share, paths, limits, ssh].flatMap(\.self)

    @Test(arguments: all)
    func saysExactly(row: SpecRow) { #expect(told(row.text) == row.want) }

    static let long = String(repeating: "a", count: 64)

    static let pools = [
        SpecRow(
            "no nodes", FleetText(web: ""),
            "7 pools.web.nodes: the field is required"),
        SpecRow(
            "bad names of pools", FleetText(pools: "Web_2: {nodes: 1}, servers: {nodes: 1},\n'b-': {nodes: 1}"),
            #"8 pools.Web_2: a pool's name is [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 63 characters and not "servers""#,
            #"8 pools.servers: a pool's name is [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 63 characters and not "servers""#,
            #"9 pools.b-: a pool's name is [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 63 characters and not "servers""#),
        SpecRow(
            "a long name", FleetText(pools: "\(long): {nodes: 0}"),
            #"8 pools.\#(long): a pool's name is [a-z][a-z0-9]*(-[a-z0-9]+)*, at most 63 characters and not "servers""#),
        SpecRow(
            "too many nodes", FleetText(web: "nodes: 1001"),
            "7 pools.web.nodes: must be a whole number from 0 to 1000"),
        SpecRow(
            "newer than the servers", FleetText(web: "nodes: 1, k3s: 'v1.34.9+k3s2'"),
            "7 pools.web.k3s: v1.34.9+k3s2 is newer than cluster.k3s, v1.34.9+k3s1; agents may not be ahead of the servers"),
        SpecRow("three behind is allowed", FleetText(web: "nodes: 1, k3s: 'v1.31.0+k3s1'")),
        SpecRow(
            "four behind", FleetText(web: "nodes: 1, k3s: 'v1.30.14+k3s1'"),
            "7 pools.web.k3s: v1.30.14+k3s1 is more than 3 minor releases behind cluster.k3s, v1.34.9+k3s1"),
        SpecRow(
            "no release", FleetText(web: "nodes: 1, k3s: 'latest'"),
            #"7 pools.web.k3s: "latest" is no exact release; channels and ranges move, write one like "v1.34.9+k3s1""#),
        SpecRow(
            "project and task", FleetText(web: "nodes: 1, project: 'a b', task: ''"),
            #"7 pools.web.project: "a b" must be at most 63 letters, digits, "-", "_", ".", with a letter or digit at both ends"#,
            #"7 pools.web.task: "" must be at most 63 letters, digits, "-", "_", ".", with a letter or digit at both ends"#),
        SpecRow(
            "no image", FleetText(web: "nodes: 1, image: '-x'"),
            #"7 pools.web.image: "-x" is no image"#),
        SpecRow(
            "the image as ls prints it", FleetText(defaults: "image: 'boldsoftware/exeuntu'"),
            "6 defaults.image: exe.dev does not accept this name -> exeuntu"),
        SpecRow(
            "cpu", FleetText(web: "nodes: 1, cpu: 0"),
            "7 pools.web.cpu: must be a whole number from 1 to 512"),
        SpecRow(
            "tags", FleetText(web: "nodes: 1, tags: ['ok', '9to5', 'Up', 'fleet-other', 7]"),
            #"7 pools.web.tags[1]: "9to5" is no tag: [a-z][a-z0-9_-]*"#,
            #"7 pools.web.tags[2]: "Up" is no tag: [a-z][a-z0-9_-]*"#,
            "7 pools.web.tags[3]: tags that begin with fleet- are ownership marks",
            "7 pools.web.tags[4]: must be a text in quotes"),
    ]

    static let names = [
        SpecRow(
            "no prefix", FleetText(web: "nodes: 1, vmPrefix: 'Web'"),
            #"7 pools.web.vmPrefix: "Web" is no prefix of VM names: [a-z][a-z0-9]*(-[a-z0-9]+)*"#),
        SpecRow(
            "two hyphens", FleetText(web: "nodes: 1, vmPrefix: 'a--b'"),
            #"7 pools.web.vmPrefix: "a--b" is no prefix of VM names: [a-z][a-z0-9]*(-[a-z0-9]+)*"#),
        SpecRow(
            "too short", FleetText(web: "nodes: 1, vmPrefix: 'a'"),
            #"7 pools.web.vmPrefix: the VM name "a-n1" has 4 characters, exe.dev allows 5 to 52; choose another vmPrefix"#),
        SpecRow("49 characters with one digit", FleetText(web: "nodes: 9, vmPrefix: '\(long.prefix(49))'")),
        SpecRow(
            "49 characters with two digits", FleetText(web: "nodes: 10, vmPrefix: '\(long.prefix(49))'"),
            #"7 pools.web.vmPrefix: the VM name "\#(long.prefix(49))-n10" has 53 characters, exe.dev allows 5 to 52; choose another vmPrefix"#
        ),
        SpecRow(
            "a pool's name makes it too long", FleetText(pools: "\(long.prefix(45)): {nodes: 1}"),
            #"8 pools.\#(long.prefix(45)): the VM name "demo-\#(long.prefix(45))-n1" has 53 characters, exe.dev allows 5 to 52; choose another vmPrefix"#
        ),
        SpecRow(
            "two pools", FleetText(web: "nodes: 2, vmPrefix: 'shop'", pools: "api: {nodes: 1,\nvmPrefix: 'shop'}"),
            #"9 pools.api.vmPrefix: the VM name "shop-n1" is used already by pools.web.vmPrefix on line 7"#),
        SpecRow(
            "a pool called cp", FleetText(pools: "cp: {nodes: 1}"),
            #"8 pools.cp: the VM name "demo-cp-n1" is used already by cluster on line 3"#),
        SpecRow(
            "a written server pool", FleetText(more: "servers: {vmPrefix: 'demo-web'}"),
            #"7 pools.web: the VM name "demo-web-n1" is used already by cluster.servers.vmPrefix on line 4"#),
        SpecRow(
            "two pools without a cluster",
            raw: "{apiVersion: 'exedev-k8s/v1',\npools: {a: {nodes: 1, vmPrefix: 'x-y'},\nb: {nodes: 1, vmPrefix: 'x-y'}}}",
            "1 cluster: the field is required",
            #"3 pools.b.vmPrefix: the VM name "x-y-n1" is used already by pools.a.vmPrefix on line 2"#),
        SpecRow("a pool of none takes no name", FleetText(pools: "api: {nodes: 0, vmPrefix: 'demo-web'}")),
    ]

    static let sizes = [
        SpecRow(
            "a bare number", FleetText(defaults: "memory: 4, disk: 4096"),
            #"6 defaults.memory: 4 has no unit; write a text such as "4GB" or "512MB" -> 4GB"#,
            #"6 defaults.disk: 4096 has no unit; write a text such as "4GB" or "512MB" -> 4096MB"#),
        SpecRow(
            "a text without a unit", FleetText(defaults: "memory: '4'"),
            #"6 defaults.memory: "4" is no size such as "4GB" or "512MB" -> 4GB"#),
        SpecRow(
            "spellings", FleetText(defaults: "memory: '4gb', disk: '20 GiB'"),
            #"6 defaults.memory: "4gb" is no size such as "4GB" or "512MB" -> 4GB"#,
            #"6 defaults.disk: "20 GiB" is no size such as "4GB" or "512MB" -> 20GB"#),
        SpecRow(
            "no size", FleetText(defaults: "memory: 'lots', disk: '020GB'"),
            #"6 defaults.memory: "lots" is no size such as "4GB" or "512MB""#,
            #"6 defaults.disk: "020GB" is no size such as "4GB" or "512MB""#),
        SpecRow(
            "the floors", FleetText(defaults: "memory: '255MB', disk: '9G'"),
            "6 defaults.memory: 255MB is below the floor of 256MB",
            "6 defaults.disk: 9G is below the floor of 10GB"),
        SpecRow(
            "a small server", FleetText(more: "servers: {memory: '2047MB'}"),
            "4 cluster.servers.memory: warning: 2047MB is less than the 2GB that k3s asks for a server"),
        SpecRow(
            "a small agent", FleetText(web: "nodes: 1, memory: '511MB'"),
            "7 pools.web.memory: warning: 511MB is less than the 512MB that k3s asks for an agent"),
        SpecRow(
            "small defaults, said once for all agents", FleetText(defaults: "memory: '256MB'", pools: "api: {nodes: 1}"),
            "6 defaults.memory: warning: 256MB is less than the 2GB that k3s asks for a server",
            "6 defaults.memory: warning: 256MB is less than the 512MB that k3s asks for an agent"),
        SpecRow("enough", FleetText(more: "servers: {memory: '2GB'}", web: "nodes: 1, memory: '512MB', disk: '10GB'")),
    ]

    static let labels = [
        SpecRow(
            "keys", FleetText(web: "nodes: 1, labels: {'-a': '', 'a/b/c': '', 'A.io/x': '', 'a..io/x': '', '': ''}"),
            #"7 pools.web.labels.-a: "-a" is no Kubernetes key such as "tier" or "example.com/tier", its name at most 63 characters"#,
            #"7 pools.web.labels.a/b/c: "a/b/c" is no Kubernetes key such as "tier" or "example.com/tier", its name at most 63 characters"#,
            #"7 pools.web.labels.A.io/x: "A.io/x" has a prefix that is no domain name in lower case"#,
            #"7 pools.web.labels.a..io/x: "a..io/x" has a prefix that is no domain name in lower case"#,
            #"7 pools.web.labels.: "" is no Kubernetes key such as "tier" or "example.com/tier", its name at most 63 characters"#),
        SpecRow(
            "a long key", FleetText(web: "nodes: 1, labels: {\(long): ''}"),
            #"7 pools.web.labels.\#(long): "\#(long)" is no Kubernetes key such as "tier" or "example.com/tier", its name at most 63 characters"#
        ),
        SpecRow("good keys", FleetText(web: "nodes: 1, labels: {'a.b-c.io/X_1.y-z': 'v', \(long.prefix(63)): ''}")),
        SpecRow(
            "ours", FleetText(defaults: "labels: {'exedev.dev/pool': 'x', 'exedev.dev/task': 'x'}"),
            #"6 defaults.labels.exedev.dev/pool: "exedev.dev/pool" is reserved: exedev-k8s sets it itself; use project or task"#,
            #"6 defaults.labels.exedev.dev/task: "exedev.dev/task" is reserved: exedev-k8s sets it itself; use project or task"#),
        SpecRow(
            "Kubernetes'",
            FleetText(defaults: "labels: {'kubernetes.io/hostname': '', 'k8s.io/a': '', 'node-role.kubernetes.io/etcd': ''}"),
            #"6 defaults.labels.kubernetes.io/hostname: "kubernetes.io/hostname" is reserved: the labels of kubernetes.io belong to Kubernetes"#,
            #"6 defaults.labels.k8s.io/a: "k8s.io/a" is reserved: the labels of k8s.io belong to Kubernetes"#,
            #"6 defaults.labels.node-role.kubernetes.io/etcd: "node-role.kubernetes.io/etcd" is reserved: k3s sets it on servers"#),
        SpecRow(
            "what kubectl may set",
            FleetText(
                defaults: "labels: {'node-role.kubernetes.io/worker': '', 'topology.kubernetes.io/zone': 'a', 'exedev.dev/mine': 'x'}")),
        SpecRow(
            "values", FleetText(web: "nodes: 1, labels: {a: 'x y', b: true, c: '_', d: '\(long)'}"),
            #"7 pools.web.labels.a: "x y" must be at most 63 letters, digits, "-", "_", ".", with a letter or digit at both ends"#,
            "7 pools.web.labels.b: must be a text in quotes",
            #"7 pools.web.labels.c: "_" must be at most 63 letters, digits, "-", "_", ".", with a letter or digit at both ends"#,
            #"7 pools.web.labels.d: "\#(long)" must be at most 63 letters, digits, "-", "_", ".", with a letter or digit at both ends"#),
    ]

    static let taints = [
        SpecRow(
            "no taint", FleetText(web: "nodes: 1, taints: ['a=b', 7]"),
            #"7 pools.web.taints[0]: must be a taint such as "key=value:NoSchedule" or {key, value, effect}"#,
            #"7 pools.web.taints[1]: must be a taint such as "key=value:NoSchedule" or {key, value, effect}"#),
        SpecRow(
            "effect", FleetText(web: "nodes: 1, taints: ['a=b:NoShedule']"),
            #"7 pools.web.taints[0]: "NoShedule" is no effect: NoSchedule, PreferNoSchedule, NoExecute -> NoSchedule"#),
        SpecRow(
            "key and value", FleetText(web: "nodes: 1, taints: ['=b:NoSchedule', 'a=b c:NoExecute']"),
            #"7 pools.web.taints[0]: "" is no Kubernetes key such as "tier" or "example.com/tier", its name at most 63 characters"#,
            #"7 pools.web.taints[1]: "b c" is no value of a taint"#),
        SpecRow(
            "an object", FleetText(web: "nodes: 1, taints: [{key: 'a', valeu: 'b'}]"),
            "7 pools.web.taints[0].effect: the field is required",
            "7 pools.web.taints[0].valeu: unknown field -> value"),
        SpecRow(
            "an object's value", FleetText(web: "nodes: 1, taints: [{key: 'a', value: 1, effect: 'NoExecute'}]"),
            "7 pools.web.taints[0].value: must be a text in quotes"),
        SpecRow(
            "reserved", FleetText(web: "nodes: 1, taints: ['exedev.dev/pool=x:NoSchedule', 'node.kubernetes.io/not-ready:NoExecute']"),
            #"7 pools.web.taints[0]: "exedev.dev/pool" is reserved: use isolated"#,
            #"7 pools.web.taints[1]: "node.kubernetes.io/not-ready" is reserved: Kubernetes sets these by a node's condition"#),
        SpecRow(
            "twice in a list", FleetText(web: "nodes: 1, taints: ['a=1:NoSchedule', 'a=2:NoSchedule', 'a=3:NoExecute']"),
            #"7 pools.web.taints[1]: the key "a" has the effect NoSchedule already in this list"#),
        SpecRow("the pool's own word wins", FleetText(defaults: "taints: ['a=1:NoSchedule']", web: "nodes: 1, taints: ['a=2:NoSchedule']")),
    ]

    static let share = [
        SpecRow(
            "comment", FleetText(web: "nodes: 1, comment: 'café'"),
            #"7 pools.web.comment: "café" is no comment: 1 to 200 printable ASCII characters, with no space at either end"#),
        SpecRow(
            "no comment at all", FleetText(web: "nodes: 1, comment: ''"),
            #"7 pools.web.comment: "" is no comment: 1 to 200 printable ASCII characters, with no space at either end"#),
        SpecRow("a comment", FleetText(web: "nodes: 1, comment: '-x it\\'s \"ours\"'")),
        SpecRow(
            "port", FleetText(web: "nodes: 1, share: {port: 65536, public: 'no'}"),
            "7 pools.web.share.port: must be a whole number from 1 to 65535",
            "7 pools.web.share.public: must be true or false"),
        SpecRow(
            "users", FleetText(web: "nodes: 1, share: {users: ['a@example.com', 'root', 'a b@c.de', '-x@c.de', 'a@b', 'a@b@c.de']}"),
            #"7 pools.web.share.users[1]: "root" is no e-mail address"#,
            #"7 pools.web.share.users[2]: "a b@c.de" is no e-mail address"#,
            #"7 pools.web.share.users[3]: "-x@c.de" is no e-mail address"#,
            #"7 pools.web.share.users[4]: "a@b" is no e-mail address"#,
            #"7 pools.web.share.users[5]: "a@b@c.de" is no e-mail address"#),
        SpecRow("probe", FleetText(web: "nodes: 1, share: {probe: {path: '/healthz'}}")),
        SpecRow(
            "probe of a query, and another status",
            FleetText(web: "nodes: 1, share: {port: 8080, public: true, probe: {path: '/ready?full=%C3%A9', status: 204}}")),
        SpecRow(
            "probe without a path", FleetText(web: "nodes: 1, share: {probe: {status: 200}}"),
            "7 pools.web.share.probe.path: the field is required"),
        SpecRow("probe in short", FleetText(web: "nodes: 1, share: {probe: '/healthz'}"), "7 pools.web.share.probe: must be an object"),
        SpecRow(
            "probe's fields", FleetText(web: "nodes: 1, share: {probe: {path: '/', port: 80, status: 600}}"),
            "7 pools.web.share.probe.port: unknown field",
            "7 pools.web.share.probe.status: must be a whole number from 100 to 599"),
        SpecRow(
            "probe's status", FleetText(web: "nodes: 1, share: {probe: {path: '/', status: 99}}"),
            "7 pools.web.share.probe.status: must be a whole number from 100 to 599"),
    ]

    private static let path = "is no path of a URL: it begins with \"/\" and has at most 200 characters, with no blank and no \"#\""

    static let paths =
        ["healthz", "", "/a b", "/a#b", "/é", "/a\\\\b", "/a\"b", "https://a.example/", "/" + String(repeating: "a", count: 200)].map {
            text in
            SpecRow(
                "probe of \(text)", FleetText(web: "nodes: 1, share: {probe: {path: '\(text)'}}"),
                "7 pools.web.share.probe.path: \"\(text.replacing("\\\\", with: "\\"))\" \(path)")
        }
        + [
            SpecRow(
                "probe of a line end", FleetText(web: "nodes: 1, share: {probe: {path: '/a\\r\\nX: y'}}"),
                "7 pools.web.share.probe.path: \"/a\r\nX: y\" \(path)"),
            SpecRow("the longest path", FleetText(web: "nodes: 1, share: {probe: {path: '/\(String(repeating: "a", count: 199))'}}")),
        ]

    static let limits = [
        SpecRow(
            "the budget", FleetText(web: "nodes: 3", limits: "maxVMs: 3"),
            "10 limits.maxVMs: the file asks for 4 VMs, limits.maxVMs allows 3"),
        SpecRow(
            "the standing budget", FleetText(web: "nodes: 25"),
            "7 pools: the file asks for 26 VMs, limits.maxVMs allows 25"),
        SpecRow(
            "ranges", FleetText(limits: "maxVMs: 1001, deletionsPerPass: -1, hostsAtOnce: 0, connectsPerMinute: 0, maxUnavailable: 0"),
            "10 limits.maxVMs: must be a whole number from 1 to 1000",
            "10 limits.deletionsPerPass: must be a whole number from 0 to 1000",
            "10 limits.hostsAtOnce: must be a whole number from 1 to 1000",
            "10 limits.connectsPerMinute: must be a whole number from 1 to 10000",
            "10 limits.maxUnavailable: must be a whole number from 1 to 1000"),
        SpecRow("a share", FleetText(limits: "maxUnavailable: '25%'")),
        SpecRow(
            "a share of nothing", FleetText(limits: "maxUnavailable: '0%'"),
            "10 limits.maxUnavailable: \"0%\" is no share from \"1%\" to \"100%\""),
        SpecRow(
            "more than all", FleetText(limits: "maxUnavailable: '101%'"),
            "10 limits.maxUnavailable: \"101%\" is no share from \"1%\" to \"100%\""),
    ]

    static let ssh = [
        SpecRow(
            "key and user", FleetText(rest: "ssh: {keyFile: '', user: 'Root'},"),
            "11 ssh.keyFile: must be the path of a file",
            #"11 ssh.user: "Root" is no login name"#),
        SpecRow(
            "a word", FleetText(rest: "ssh: {hostKeys: 'standart'},"),
            #"11 ssh.hostKeys: "standart" is not one of "standard", "trust-on-first-use", a list of "SHA256:…" or {knownHosts: "path"} -> standard"#
        ),
        SpecRow(
            "prints", FleetText(rest: "ssh: {hostKeys: ['SHA256:short', 'MD5:x']},"),
            #"11 ssh.hostKeys[0]: "SHA256:short" is no fingerprint: "SHA256:" and 43 characters, as ssh-keygen -l prints it"#,
            #"11 ssh.hostKeys[1]: "MD5:x" is no fingerprint: "SHA256:" and 43 characters, as ssh-keygen -l prints it"#),
        SpecRow(
            "no print", FleetText(rest: "ssh: {hostKeys: []},"),
            "11 ssh.hostKeys: an empty list would trust no host"),
        SpecRow(
            "no path", FleetText(rest: "ssh: {hostKeys: {}},"),
            "11 ssh.hostKeys.knownHosts: the field is required"),
        SpecRow(
            "no configuration", FleetText(rest: "ssh: {config: 1},"),
            "11 ssh.config: must be true, false or the path of a file"),
        SpecRow(
            "an empty path", FleetText(rest: "ssh: {config: ''},"),
            "11 ssh.config: must be the path of a file"),
        SpecRow(
            "a truth", FleetText(rest: "ssh: {hostKeys: true},"),
            #"11 ssh.hostKeys: must be "standard", "trust-on-first-use", a list of "SHA256:…" or {knownHosts: "path"}"#),
    ]
}
