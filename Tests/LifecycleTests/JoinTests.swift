import K3s
import Testing

@testable import FleetCore

/// The table of `Join`: what a node of a pool needs next, and why.
@Suite struct JoinTests {
    private static let (now, web, server) = (Situation.now, Situation.web, Situation.server)

    private static func vm(_ status: ObservedVM.Status) -> @Sendable (inout Situation) -> Void {
        { $0.facts.observed.vms?[web] = Situation.vm(web, status) }
    }

    /// A host that was probed, whose node is not in the cluster.
    private static func host(
        isSetUp: Bool = false, _ change: @escaping @Sendable (inout ProbeFields) -> Void = { _ in }
    ) -> @Sendable (inout Situation) -> Void {
        { situation in
            situation.withoutNode()
            situation.facts.observed.hosts[web] = Situation.host(isSetUp: isSetUp, change)
        }
    }

    /// Such a host, of which the ledger knows something.
    private static func record(
        isSetUp: Bool = true, _ change: @escaping @Sendable (inout Instance) -> Void
    ) -> @Sendable (inout Situation) -> Void {
        { situation in
            host(isSetUp: isSetUp)(&situation)
            situation.instance(web, change)
        }
    }

    private static let missing = Reason.credentialMissing("TS_AUTHKEY is not set", advice: "set it")

    private static let platform: [Row] = [
        Row("settled", "settled") { _ in },
        Row("the VMs were not listed", "wait AwaitingVMList") { $0.facts.observed.vms = nil },
        Row("no VM", "act createVM VMMissing") {
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
        },
        Row("no VM, and no key that would let it in", "blocked CredentialMissing") {
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
            $0.facts.credentials.missing = missing
        },
        Row("no VM, and its server runs an older version", "act createVM VMMissing") {
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
            $0.node(server) { $0.version = K3sVersion("v1.34.8+k3s1") }
        },
        Row("no VM, a new one on its way", "wait CreateOutcomeUnknown") {
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
            $0.facts.ledger.nodes[web] = .requested(VMRequest(sentAt: now - 10))
        },
        Row("no VM, and the new one never came", "act createVM VMMissing") {
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
            $0.facts.ledger.nodes[web] = .requested(VMRequest(sentAt: now - 60))
        },
        Row("no VM in the first list", "wait AwaitingSecondVMList") {
            $0.facts.observed.vms?[web] = nil
            $0.withoutNode()
            $0.facts.listedAt = now
        },
        Row("no VM, but its node is ready", "wait NodeAliveWithoutVM") { $0.facts.observed.vms?[web] = nil },
        Row("no VM of the server", of: server, "blocked ServerVMGone") {
            $0.facts.observed.vms?[server] = nil
            $0.facts.observed.cluster = .unreachable("no route")
        },
        Row("another name of the server in the file", of: server, "blocked FoundedElsewhere") {
            $0.facts.observed.vms?[server] = nil
            $0.withoutNode(server)
            $0.facts.ledger.nodes[server] = nil
            $0.facts.ledger.founder = "demo-first-n1"
        },
        Row("a VM without our tag", "blocked VMForeign") { $0.facts.observed.vms?[web] = Situation.vm(web, tags: []) },
        Row("stopped", "act startVM VMStopped", vm(.stopped)),
        Row("stopped, and started a moment ago", "wait VMStarting") {
            vm(.stopped)(&$0)
            $0.instance { $0.poweredOnAt = now - 10 }
        },
        Row("paused", "blocked VMPaused", vm(.paused)), Row("failed", "blocked VMFailed", vm(.failed("error"))),
        Row("a new word", "wait VMNotRunning", vm(.other("migrating"))),
    ]

    private static let locked: @Sendable (inout Situation) -> Void = {
        $0.withoutNode()
        $0.instance { $0.startedAt = nil }
        $0.facts.observed.hosts[web] = .loginRefused("it refused exedev with ED25519 SHA256:x", advice: "register it")
    }

    private static let hosts: [Row] = [
        Row("not probed", "wait AwaitingProbe") { $0.withoutNode() },
        Row("unreachable", "wait HostUnreachable") {
            $0.withoutNode()
            $0.facts.observed.hosts[web] = .unreachable("timed out")
        },
        Row("unreachable for too long", "blocked WaitTimedOut") {
            $0.withoutNode()
            $0.instance { $0.hasStaleIdentity = true }
            $0.facts.observed.hosts[web] = .unreachable("timed out")
            $0.facts.notes[web, default: .init()].troubledSince = now - 180
        },
        Row("no key of ours is let in, as it is new", "wait HostUnreachable") {
            locked(&$0)
            $0.facts.notes[web, default: .init()].troubledSince = now - 59
        },
        Row("no key of ours is let in any more", "blocked HostRefused") {
            locked(&$0)
            $0.instance { $0.startedAt = now - 5000 }
        },
        Row("no key of ours is let in, just after a boot", "wait HostUnreachable") {
            locked(&$0)
            $0.instance { ($0.startedAt, $0.poweredOnAt) = (now - 5000, now - 20) }
        },
        Row("no key of ours is let in for three minutes", "blocked HostRefused") {
            locked(&$0)
            $0.facts.notes[web, default: .init()].troubledSince = now - 180
        },
        Row("refused", "blocked HostRefused") {
            $0.withoutNode()
            $0.facts.observed.hosts[web] = .refused("another host key", advice: "see why")
        },
        Row("another host", "blocked HostMisrouted", host { $0.hostname = "stranger" }),
        Row("no binary", "act prepare HostUnprepared", host { $0.binaryVersion = nil }),
        Row("no binary, and no key that would let it in", "blocked CredentialMissing") {
            host { ($0.binaryVersion, $0.overlay) = (nil, .needsLogin) }(&$0)
            $0.facts.credentials.missing = missing
        },
        Row("prepared, and a key is missing that nobody needs any more", "act install K3sNotInstalled") {
            host()(&$0)
            $0.facts.credentials.missing = missing
        },
        Row("another binary than was verified", "act prepare HostUnprepared") {
            host { $0.binarySHA256 = "other" }(&$0)
            $0.facts.ledger.digests["v1.34.9+k3s1"] = "sha"
        },
        Row("booting", "wait HostBooting", host { ($0.systemd, $0.overlay) = ("starting", .needsLogin) }),
        Row(
            "booting without end", "act prepare HostUnprepared",
            host { ($0.systemd, $0.overlay, $0.isLate) = ("starting", .needsLogin, true) }),
        Row(
            "no systemd that would ever answer", "act prepare HostUnprepared",
            host { ($0.systemd, $0.overlay, $0.isLate) = ("offline", .missing, true) }),
        Row("a hostname with its domain", "act install K3sNotInstalled", host { $0.hostname = web + ".exe.xyz" }),
        Row("a hostname that only begins alike", "blocked HostMisrouted", host { $0.hostname = web + "1" }),
        Row("another cluster's mark", "blocked HostOfOtherCluster", host { $0.clusterID = "c2" }),
        Row("prepared", "act install K3sNotInstalled", host()),
        Row("prepared, no control plane", "wait ControlPlaneNotReady") {
            host()(&$0)
            $0.facts.observed.cluster = .unreachable("no route")
        },
        Row("prepared, an identity is left", "act purgeIdentity IdentityStale", record(isSetUp: false) { $0.hasStaleIdentity = true }),
        Row("the VM is new, and the Node that reads ready is an earlier machine's", "act purgeIdentity IdentityStale") {
            $0.instance { $0.hasStaleIdentity = true }
            $0.facts.observed.hosts[web] = Situation.host()
        },
        Row("set up a moment ago", "wait K3sJoining", record { $0.startedAt = now - 10 }),
        Row("set up, outcome unknown", "act install InstallInterrupted", record { $0.configuration = .unknown }),
        Row("runs long and is not in the cluster", "act restart NodeNotRegistered", host(isSetUp: true)),
        Row("restarted and still not there", "blocked K3sDidNotJoin", record { $0.restartedAt = now - 200 }),
        Row("crashes", "blocked K3sDidNotJoin", host(isSetUp: true) { $0.agent?.active = "activating" }),
    ]

    /// k3s was restarted so many seconds ago; `change`: how the host says that it is since, nil when it was not read.
    private static func restarted(_ seconds: Double = 20, _ change: (@Sendable (inout UnitState) -> Void)? = nil)
        -> @Sendable (inout Situation) -> Void
    {
        { situation in
            situation.instance { ($0.startedAt, $0.isRestarting) = (now - seconds, true) }
            if let change { situation.facts.observed.hosts[web] = Situation.host(isSetUp: true) { change(&$0.agent!) } }
            situation.facts.learn(listedAt: now)
        }
    }

    private static let nodes: [Row] = [
        Row("a newer version runs", "blocked Downgrade") { $0.node { $0.version = K3sVersion("v1.35.0+k3s1") } },
        Row("it has become a server", "blocked RoleChanged") { $0.node { $0.labels["node-role.kubernetes.io/control-plane"] = "true" } },
        Row("other ranges", "blocked NetworkRangesChanged") { $0.facts.ledger.clusterCIDR = "10.9.0.0/16" },
        Row("another cluster answers", of: server, "blocked ClusterCAChanged") { $0.reading { $0.caHash = "other" } },
        Row("being deleted", "wait NodeDeleting") { $0.node { $0.deleting = true } },
        Row("silent, and its host was not probed", "wait AwaitingProbe") { $0.node { $0.ready = .unknown } },
        Row("silent and configured anew, and its host was not probed", "wait AwaitingProbe") {
            $0.node { $0.ready = .unknown }
            $0.instance { $0.configuration = .digest("before") }
        },
        Row("silent and configured anew, and its host is out of reach", "wait NodeSilent") {
            $0.node { $0.ready = .unknown }
            $0.instance { $0.configuration = .digest("before") }
            $0.facts.observed.hosts[web] = .unreachable("connection refused")
        },
        Row("silent, and its host refuses us", "blocked HostRefused") {
            $0.node { $0.ready = .unknown }
            $0.facts.observed.hosts[web] = .refused("sudo: a password is required", advice: "see why")
        },
        Row("silent, and k3s runs on its host", "wait NodeSilent") {
            $0.node { ($0.ready, $0.internalIP) = (.unknown, "100.64.0.2") }
            $0.facts.observed.hosts[web] = Situation.host(isSetUp: true)
        },
        Row("silent, and the host is bare", "act prepare HostUnprepared") {
            $0.node { $0.ready = .unknown }
            $0.facts.observed.hosts[web] = Situation.host { $0.binaryVersion = nil }
        },
        Row("silent, and k3s is not set up", "act install K3sNotInstalled") {
            $0.node { $0.ready = .unknown }
            $0.facts.observed.hosts[web] = Situation.host()
        },
        Row("silent, and the node is another machine's", "act purgeIdentity IdentityStale") {
            $0.node { ($0.ready, $0.internalIP) = (.unknown, "100.64.0.77") }
            $0.facts.observed.hosts[web] = Situation.host()
        },
        Row("its removal had begun", "act uncordon WantedAgain") { $0.facts.ledger.removalReached(.begun, web) },
        Row("its removal had begun, and its configuration is not known", "act install WantedAgain") {
            $0.facts.ledger.removalReached(.begun, web)
            $0.instance { $0.configuration = .unknown }
        },
        Row("its k3s was stopped for a removal", "act install WantedAgain") { $0.facts.ledger.removalReached(.stopped, web) },
        Row("cordoned by a removal that this ledger does not know", "act uncordon WantedAgain") {
            $0.node { ($0.unschedulable, $0.annotations[NodePatch.removing]) = (true, "yes") }
        },
        Row("cordoned by somebody else", "settled") { $0.node { $0.unschedulable = true } },
        Row("its configuration is not recorded", "act install ConfigurationNotRecorded") {
            $0.instance { $0.configuration = .notRecorded }
        },
        Row("its last install has no known outcome", "act install InstallOutcomeUnknown") { $0.instance { $0.configuration = .unknown } },
        Row("its configuration changed", "act install ConfigurationChanged") { $0.instance { $0.configuration = .digest("before") } },
        Row("restarted, and its host was not read since", "wait RestartUnconfirmed", restarted()),
        Row(
            "restarted, and its host says that k3s ends", "wait RestartUnconfirmed",
            restarted { ($0.active, $0.restarts) = ("activating", 2) }),
        Row("restarted, and its host says that k3s came up a moment ago", "wait RestartUnconfirmed", restarted { $0.active = "active" }),
        Row("restarted, and its host says that it is up", "settled", restarted { $0.isSteady = true }),
        Row("restarted, and still ready after a minute", "settled", restarted(70)),
        Row(
            "restarted, and k3s ends time and again", "blocked K3sFails",
            restarted { ($0.active, $0.sub, $0.restarts) = ("activating", "auto-restart", 5) }),
        Row("restarted, and k3s does not come up", "blocked K3sFails") {
            $0.node { $0.ready = .unknown }
            restarted(200) { $0.active = "activating" }(&$0)
        },
        Row("a secret of its registries is missing", "blocked CredentialMissing") {
            $0.facts.credentials = Credentials(missing: missing, registries: nil)
        },
        Row("a key is missing that nobody needs now", "settled") { $0.facts.credentials.missing = missing },
        Row("not ready", "wait NodeNotReady") { $0.node { $0.ready = .notReady(reason: "KubeletNotReady") } },
        Row("not ready for too long", "blocked WaitTimedOut") {
            $0.node { $0.ready = .notReady(reason: "KubeletNotReady") }
            $0.facts.notes[web, default: .init()].troubledSince = now - 180
        },
        Row("silent for too long, and k3s runs on its host", "blocked WaitTimedOut") {
            $0.node { ($0.ready, $0.internalIP) = (.unknown, "100.64.0.2") }
            $0.facts.observed.hosts[web] = Situation.host(isSetUp: true)
            $0.facts.notes[web, default: .init()].troubledSince = now - 180
        },
        Row("well again after a long time", "settled") { $0.facts.notes[web, default: .init()].troubledSince = now - 500 },
        Row("a label is missing", "act patchNode LabelsOrTaintsDiffer") { $0.node { $0.labels["tier"] = nil } },
        Row("a label is missing once more, after five patches", "blocked LabelsChangeAgain") {
            $0.node { $0.labels["tier"] = nil }
            $0.facts.notes[web, default: .init()].patches = 5
        },
        Row("a label of others", "settled") { $0.node { $0.labels["theirs"] = "1" } },
        Row("a tag is missing", "act tagVM TagsDiffer") { $0.facts.observed.vms?[web] = Situation.vm(web) },
        Row("shared otherwise", "act share SharingDiffers") { $0.instance { $0.sharing = .known(.initial) } },
        Row("sharing has no known outcome", "act share SharingDiffers") { $0.instance { $0.sharing = .uncertain(grants: ["a@b.c"]) } },
    ]

    private static let admission: [Row] = [
        Row("changed after it was read", "wait AwaitingClusterRead") { $0.facts.observed.outdated = [web] },
        Row("it failed a moment ago", "wait BackOff") {
            vm(.stopped)(&$0)
            $0.facts.ledger.attempts[web] = .init(count: 1, notBefore: now + 5, failure: "502")
        },
        Row("it was refused", "blocked ActionRefused") {
            vm(.stopped)(&$0)
            $0.facts.notes[web, default: .init()].refusal = .actionRefused("quota", advice: "ask")
        },
        Row("not approved", "blocked ActionNotApproved") {
            vm(.stopped)(&$0)
            $0.facts.approved = [web: [.install]]
        },
        Row("the control plane does not answer", "wait ControlPlaneNotReady") {
            vm(.stopped)(&$0)
            $0.facts.observed.cluster = .unreachable("no route")
        },
    ]

    @Test(arguments: platform) func whileTheVMIsMissingOrHalted(row: Row) throws { try row.check() }
    @Test(arguments: hosts) func whileTheNodeIsNotInTheCluster(row: Row) throws { try row.check() }
    @Test(arguments: nodes) func whileTheNodeIsInTheCluster(row: Row) throws { try row.check() }
    @Test(arguments: admission) func whateverIsDecided(row: Row) throws { try row.check() }

    /// Approving a plan approves the way to its end.
    @Test func theWayIsTold() throws {
        var situation = try Situation()
        situation.facts.observed.vms?[Self.web] = nil
        situation.withoutNode()
        situation.facts.ledger.nodes[Self.web] = nil
        #expect(situation.item(Self.web)?.then == [.prepare, .purgeIdentity, .install, .patchNode, .share])
    }
}
