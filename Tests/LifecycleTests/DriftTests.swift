import K3s
import Testing

@testable import FleetCore

/// What differs from the fleet file where the ledger believes that all is well: on hosts, at exe.dev, in what cannot be changed any more.
@Suite struct DriftTests {
    private static let (now, web, mate, server) = (Situation.now, Situation.web, Situation.mate, Situation.server)

    /// A node in the cluster whose host was looked into.
    private static func seen(
        _ change: @escaping @Sendable (inout ProbeFields) -> Void = { _ in }
    ) -> @Sendable (inout Situation) -> Void {
        { $0.facts.observed.hosts[web] = Situation.host(isSetUp: true, change) }
    }

    private static func shared(_ port: Int?, _ isPublic: Bool, _ users: [String] = []) -> @Sendable (inout Situation) -> Void {
        { $0.facts.observed.shares[web] = Share(port: port, isPublic: isPublic, users: users) }
    }

    /// What no list tells of.
    private static let drift: [Row] = [
        Row("its host is as we left it", "settled", seen()),
        Row("its configuration was edited", "act install HostDrifted", seen { $0.configHash = "another" }),
        Row("its configuration is gone", "act install HostDrifted", seen { $0.configHash = nil }),
        Row("its unit was edited", "act install HostDrifted", seen { $0.changedFiles = ["/etc/systemd/system/k3s-agent.service"] }),
        Row("the mark of its cluster is gone", "act install HostDrifted", seen { $0.clusterID = nil }),
        Row("it runs with other files", "act install HostDrifted", seen { $0.isOutdated = true }),
        Row("edited again after this run put it right", "blocked HostDriftsAgain") {
            seen { $0.configHash = "another" }(&$0)
            $0.facts.notes[web, default: .init()].wasRepaired = true
        },
        Row("edited, and its mate is down by our doing", "wait LimitReached") {
            seen { $0.configHash = "another" }(&$0)
            $0.instance(mate) { $0.startedAt = now - 10 }
        },
        Row("edited, and the Node of its mate was deleted by somebody", "wait LimitReached") {
            seen { $0.configHash = "another" }(&$0)
            $0.withoutNode(mate)
        },
        Row("k3s reads a file beside ours", "blocked ForeignConfiguration", seen { $0.foreignFiles = ["/etc/default/k3s"] }),
        Row("k3s reads a file beside ours, and a label is missing", "act patchNode LabelsOrTaintsDiffer") {
            seen { $0.foreignFiles = ["/etc/default/k3s"] }(&$0)
            $0.node { $0.labels["tier"] = nil }
        },
        Row("silent, and k3s reads a file beside ours", "blocked ForeignConfiguration") {
            seen { $0.foreignFiles = ["/etc/default/k3s"] }(&$0)
            $0.node { $0.ready = .unknown }
        },
        Row("just restarted, and k3s reads a file beside ours", "wait NodeNotReady") {
            seen { $0.foreignFiles = ["/etc/default/k3s"] }(&$0)
            $0.node { $0.ready = .notReady(reason: "KubeletNotReady") }
            $0.instance { $0.startedAt = now - 10 }
        },
        Row("silent, and its configuration was edited", "act install HostDrifted") {
            seen { $0.configHash = "another" }(&$0)
            $0.node { $0.ready = .unknown }
        },
        Row("another host answers for it", "blocked HostMisrouted", seen { $0.hostname = "stranger" }),
        Row("its host belongs to another cluster", "blocked HostOfOtherCluster", seen { $0.clusterID = "c2" }),
        Row("its host could not be looked into", "settled") { $0.facts.observed.hosts[web] = .unreachable("timed out") },
        Row("shared as asked", "settled", shared(8080, true)),
        Row("shared with somebody else too", "settled", shared(8080, true, ["eve@example.org"])),
        Row("made private by hand", "act share SharingDiffers", shared(8080, false)),
        Row("another port by hand", "act share SharingDiffers", shared(9000, true)),
        Row("made public by hand, and nobody asks how it is shared", of: server, "settled") {
            $0.facts.observed.shares[server] = Share(port: 80, isPublic: true, users: [])
        },
    ]

    /// Tags and sizes, which exe.dev's list tells, or the ledger.
    private static let vm: [Row] = [
        Row("a tag that it asked for once", "act tagVM TagsDiffer") {
            $0.instance { $0.spec?.tags = ["team-a", "team-b"] }
            $0.facts.observed.vms?[web]?.tags.append("team-b")
        },
        Row("a tag of somebody else", "settled") { $0.facts.observed.vms?[web]?.tags.append("team-b") },
        Row("made with less memory", "blocked VMSpecChanged") { $0.instance { $0.spec?.memory = "2GB" } },
        Row("made with the same memory in other words", "settled") { $0.instance { $0.spec?.memory = "4096MB" } },
        Row("made of another image", "blocked VMSpecChanged") { $0.instance { $0.spec?.image = "debian" } },
        Row("made with a smaller disk, and another label", "act patchNode LabelsOrTaintsDiffer") {
            $0.instance { $0.spec?.disk = "10GB" }
            $0.node { $0.labels["tier"] = "back" }
        },
        Row("resized since, as exe.dev tells", "settled") {
            $0.instance {
                $0.spec?.memory = "2GB"
                $0.spec?.cpu = 1
            }
            $0.facts.observed.vms?[web]?.size = .init(cpu: 2, memoryBytes: 4_000_000_000)
        },
        Row("smaller than the ledger says", "blocked VMSpecChanged") { $0.facts.observed.vms?[web]?.size = .init(diskBytes: 10 << 30) },
        Row("nobody knows how it was made", "settled") { $0.instance { $0.spec = nil } },
        Row("bytes that fit what was made and what is asked", "blocked VMSpecChanged") {
            $0.instance { $0.spec?.disk = "21GB" }
            $0.facts.observed.vms?[web]?.size = .init(diskBytes: 21_100_000_000)
        },
    ]

    private static let founding: [Row] = [
        Row("founded with another domain", of: server, "blocked FoundingValuesChanged") {
            $0.facts.ledger.founding = ["cluster-domain": .string("example.org")]
        },
        Row("founded with what is k3s's own choice", of: server, "settled") {
            $0.facts.ledger.founding = [
                "cluster-domain": .string("cluster.local"), "cluster-dns": .string("10.245.0.10"), "flannel-backend": .string("vxlan"),
                "secrets-encryption": .boolean(false), "service-node-port-range": .string("30000-32767"),
            ]
        },
        Row("founded with fewer node ports", of: server, "settled") {
            $0.facts.ledger.founding = ["service-node-port-range": .string("30000-30100")]
        },
        Row("founded with more node ports", of: server, "blocked FoundingValuesChanged") {
            $0.facts.ledger.founding = ["service-node-port-range": .string("30000-40000")]
        },
        Row("founded otherwise, and with another label", of: server, "act patchNode LabelsOrTaintsDiffer") {
            $0.facts.ledger.founding = ["secrets-encryption": .boolean(true)]
            $0.node(server) { $0.labels["exedev.dev/pool"] = nil }
        },
        Row("founded otherwise, which concerns no agent", "settled") { $0.facts.ledger.founding = ["secrets-encryption": .boolean(true)] },
    ]

    @Test(arguments: drift) func whatNoListTellsOf(row: Row) throws { try row.check() }
    @Test(arguments: vm) func whatTheVMIs(row: Row) throws { try row.check() }
    @Test(arguments: founding) func whatTheClusterWasFoundedWith(row: Row) throws { try row.check() }
}
