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

    @Sendable private static func edited(_ probe: inout ProbeFields) { (probe.configHash, probe.settingsHash) = ("another", "another") }

    private static func unit(_ active: String, enabled: Bool = true, hasJob: Bool = false) -> @Sendable (inout ProbeFields) -> Void {
        {
            $0.agent = UnitState(active: active, sub: "", enabled: enabled, restarts: 0)
            $0.agent?.hasJob = hasJob
        }
    }

    private static func shared(_ port: Int?, _ isPublic: Bool, _ users: [String] = []) -> @Sendable (inout Situation) -> Void {
        { $0.facts.observed.shares[web] = Share(port: port, isPublic: isPublic, users: users) }
    }

    /// What no list tells of.
    private static let drift: [Row] = [
        Row("its host is as we left it", "settled", seen()),
        Row("its configuration was edited", "act install HostDrifted", seen(edited)),
        Row("its configuration is gone", "act install HostDrifted", seen { ($0.configHash, $0.settingsHash) = (nil, nil) }),
        Row("its unit was edited", "act install HostDrifted", seen { $0.changedFiles = ["/etc/systemd/system/k3s-agent.service"] }),
        Row("the mark of its cluster is gone", "act install HostDrifted", seen { $0.clusterID = nil }),
        Row("it runs with other files", "act install HostDrifted", seen { $0.isOutdated = true }),
        Row("edited again after this run put it right", "blocked HostDriftsAgain") {
            seen(edited)(&$0)
            $0.facts.notes[web, default: .init()].wasRepaired = true
        },
        Row("edited, and its mate is down by our doing", "wait LimitReached") {
            seen(edited)(&$0)
            $0.instance(mate) { $0.startedAt = now - 10 }
        },
        Row("edited, and the Node of its mate was deleted by somebody", "wait LimitReached") {
            seen(edited)(&$0)
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
            seen(edited)(&$0)
            $0.node { $0.ready = .unknown }
        },
        Row("edited, and k3s reads a file beside ours", "blocked ForeignConfiguration") {
            seen {
                edited(&$0)
                $0.foreignFiles = ["/etc/default/k3s"]
            }(&$0)
        },
        Row("edited, and k3s reads a file beside ours, and a label is missing", "act patchNode LabelsOrTaintsDiffer") {
            seen {
                edited(&$0)
                $0.foreignFiles = ["/etc/default/k3s"]
            }(&$0)
            $0.node { $0.labels["tier"] = nil }
        },
        Row("its configuration has other taints for a registration", "act install HostDrifted", seen { $0.configHash = "another" }),
        Row("its configuration has other taints, and a label is missing", "act patchNode LabelsOrTaintsDiffer") {
            seen { $0.configHash = "another" }(&$0)
            $0.node { $0.labels["tier"] = nil }
        },
        Row("its configuration has other taints again after this run put it right", "blocked HostDriftsAgain") {
            seen { $0.configHash = "another" }(&$0)
            $0.facts.notes[web, default: .init()].wasRepaired = true
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

    /// k3s does not run on a host whose Node may read ready for a minute yet.
    private static let stopped: [Row] = [
        Row("stopped", "act install K3sStopped", seen(unit("inactive"))),
        Row("stopped, and systemd calls it failed", "act install K3sStopped", seen(unit("failed"))),
        Row("stopped and disabled", "act install K3sStopped", seen(unit("inactive", enabled: false))),
        Row("disabled", "act install K3sStopped", seen(unit("active", enabled: false))),
        Row("about to be started", "settled", seen(unit("inactive", hasJob: true))),
        Row("starting", "settled", seen(unit("activating"))),
        Row("its host boots", "settled") {
            seen {
                unit("inactive")(&$0)
                $0.systemd = "starting"
            }(&$0)
        },
        Row("stopped, and silent", "act install K3sStopped") {
            seen(unit("inactive"))(&$0)
            $0.node { $0.ready = .unknown }
        },
        Row("stopped, and k3s reads a file beside ours", "blocked ForeignConfiguration") {
            seen {
                unit("inactive")(&$0)
                $0.foreignFiles = ["/etc/default/k3s"]
            }(&$0)
        },
        Row("stopped and silent, and k3s reads a file beside ours", "blocked ForeignConfiguration") {
            seen {
                unit("inactive")(&$0)
                $0.foreignFiles = ["/etc/default/k3s"]
            }(&$0)
            $0.node { $0.ready = .unknown }
        },
        Row("stopped again after this run started it", "blocked K3sFails") {
            seen(unit("inactive"))(&$0)
            $0.facts.notes[web, default: .init()].wasRepaired = true
        },
        Row("uninstalled", "act prepare HostUnprepared", seen { ($0.agent, $0.configHash, $0.binaryVersion) = (nil, nil, nil) }),
        Row("stopped, and not in the cluster", "act install K3sStopped") {
            seen(unit("inactive"))(&$0)
            $0.withoutNode()
        },
        Row("stopped by us, and not in the cluster", "act install K3sNotInstalled") {
            seen(unit("inactive", enabled: false))(&$0)
            $0.withoutNode()
            $0.facts.ledger.removalReached(.nodeDeleted, web)
        },
        Row("stopped, and its mate is down by our doing", "act install K3sStopped") {
            seen(unit("inactive"))(&$0)
            $0.instance(mate) { $0.startedAt = now - 10 }
        },
        Row("configured otherwise, and its mate is stopped", "wait LimitReached") {
            $0.instance { $0.configuration = .digest("before") }
            $0.facts.observed.hosts[mate] = Situation.host(mate, isSetUp: true, unit("inactive"))
        },
        Row("the server, which reads ready", of: server, "act install K3sStopped", serverStopped),
        Row("the server, and the cluster is silent", of: server, "act install K3sStopped") {
            serverStopped(&$0)
            $0.facts.observed.cluster = .unreachable("no route")
        },
    ]

    @Sendable private static func serverStopped(_ situation: inout Situation) {
        situation.facts.observed.hosts[server] = Situation.host(server, isSetUp: true) {
            ($0.server, $0.agent, $0.hasServerData, $0.overlay) = ($0.agent, nil, true, .up(address: "100.64.0.1"))
            $0.server?.active = "inactive"
        }
    }

    /// Tags and sizes, which exe.dev's list tells, or the ledger.
    private static let vm: [Row] = [
        Row("a tag that it asked for once", "act tagVM TagsDiffer") {
            $0.instance { $0.spec?.tags = ["team-a", "team-b"] }
            $0.facts.observed.vms?[web]?.tags.append("team-b")
        },
        Row("a tag of somebody else", "settled") { $0.facts.observed.vms?[web]?.tags.append("team-b") },
        Row("made with less memory", "act resizeVM SizeDiffers") { $0.instance { $0.spec?.memory = "2GB" } },
        Row("made with the same memory in other words", "settled") { $0.instance { $0.spec?.memory = "4096MB" } },
        Row("made of another image", "blocked ImageChanged") { $0.instance { $0.spec?.image = "debian" } },
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
        Row("smaller than the ledger says", "act resizeVM SizeDiffers") { $0.facts.observed.vms?[web]?.size = .init(diskBytes: 10 << 30) },
        Row("nobody knows how it was made", "settled") { $0.instance { $0.spec = nil } },
        Row("bytes that fit what was made and what is asked", "blocked DiskNotShrinkable") {
            $0.instance { $0.spec?.disk = "21GB" }
            $0.facts.observed.vms?[web]?.size = .init(diskBytes: 21_100_000_000)
        },
    ]

    private static func asks(_ comment: String?, ours: String?, there: String) -> @Sendable (inout Situation) -> Void {
        { situation in
            var (fleet, facts) = (situation.facts.fleet, situation.facts)
            if let place = fleet.nodes.firstIndex(where: { $0.name == web }) { fleet.nodes[place].vm.comment = comment }
            facts = FleetFacts(fleet: fleet, observed: facts.observed, ledger: facts.ledger, now: facts.now)
            (facts.uptime, facts.digest) = (situation.facts.uptime, situation.facts.digest)
            situation.facts = facts
            situation.instance { $0.spec?.comment = ours }
            situation.facts.observed.vms?[web]?.comment = there
        }
    }

    private static let comments: [Row] = [
        Row("no comment", "settled", asks(nil, ours: nil, there: "")),
        Row("the comment of others, and none asked for", "settled", asks(nil, ours: nil, there: "theirs")),
        Row("the comment is missing", "act commentVM CommentDiffers", asks("shop", ours: nil, there: "")),
        Row("the comment was changed", "act commentVM CommentDiffers", asks("shop", ours: "shop", there: "theirs")),
        Row("the comment is as asked", "settled", asks("shop", ours: "shop", there: "shop")),
        Row("a comment that it asked for once", "act commentVM CommentDiffers", asks(nil, ours: "shop", there: "shop")),
        Row("a comment that it asked for once, changed since", "settled", asks(nil, ours: "shop", there: "theirs")),
    ]

    @Test(arguments: comments) func whatTheListSaysOfAVM(row: Row) throws { try row.check() }

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
    @Test(arguments: stopped) func whatIsStopped(row: Row) throws { try row.check() }
    @Test(arguments: vm) func whatTheVMIs(row: Row) throws { try row.check() }
    @Test(arguments: founding) func whatTheClusterWasFoundedWith(row: Row) throws { try row.check() }

    /// Who approves the patch of taints approves that the host gets them for its next registration, and nothing else on the host.
    @Test(arguments: [
        ("its taints", [StepKind.patchNode], "act install HostDrifted"), ("its tags", [.tagVM], "blocked ActionNotApproved"),
        ("a file", [.patchNode], "blocked ActionNotApproved"),
    ]) func otherTaintsAreApprovedWithTheirPatch(changed: String, approved: [StepKind], decision: String) throws {
        var situation = try Situation()
        situation.facts.observed.hosts[Self.web] = Situation.host(Self.web, isSetUp: true) {
            if changed == "a file" { $0.changedFiles = [HostPath.agentToken] } else { $0.configHash = "of other taints" }
        }
        situation.facts.approved = [Self.web: Set(approved)]
        #expect(situation.decision(Self.web) == decision)
    }

    /// Of an isolated node; its taints are patched, and say nothing of how k3s is configured, to a ledger of before neither.
    @Test func taintsAreNoConfiguration() throws {
        var situation = try Situation()
        situation.facts.digest = { $0 }
        let want = try #require(situation.facts.fleet.nodes.first { $0.pool == "batch" })
        for recorded in [false, true] {
            guard case .install(let step) = situation.facts.install(want, overlay: "100.64.0.4") else {
                Issue.record("an install is none")
                return
            }
            #expect(!step.setup.taints.isEmpty && !step.digest.contains("taint"))
            let digest = recorded ? step.digest : try #require(step.setup.formerMeanings.first)
            situation.instance(want.name) { $0.configuration = .digest(digest) }
            #expect(situation.decision(want.name) == "settled")
        }
    }
}
