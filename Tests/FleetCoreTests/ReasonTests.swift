import K3s
import Testing

@testable import FleetCore

/// What programs (the code) and people (text, advice) read of each reason.
@Suite struct ReasonTests {
    private static let old = K3sVersion("v1.34.9+k3s1")!
    private static let new = K3sVersion("v1.34.10+k3s1")!
    private static let crashing = UnitState(active: "activating", sub: "auto-restart", enabled: true, restarts: 3)

    private static let bare: DrainHindrance = {
        var hindrance = DrainHindrance()
        hindrance.bare = ["default/bare"]
        return hindrance
    }()

    private static let question = ShareQuestion(vm: "a", probe: ShareProbe(path: "/healthz", status: 200), isPublic: false)

    /// One of each code.
    static let all: [Reason] = [
        .vmMissing, .vmStopped, .hostUnprepared, .k3sNotInstalled, .identityStale, .installInterrupted, .nodeNotRegistered,
        .labelsOrTaintsDiffer, .tagsDiffer, .commentDiffers, .sharingDiffers, .wantedAgain, .configurationNotRecorded,
        .installOutcomeUnknown,
        .configurationChanged, .hostDrifted(HostDrift(files: ["/etc/rancher/k3s/config.yaml"])),
        .k3sStopped(unit: "k3s-agent", UnitState(active: "inactive", sub: "dead", enabled: true, restarts: 0)), .notInFleetFile,
        .podsLeft(bare),
        .removalUnfinished, .nodeWithoutVM, .fleetDestroyed, .upgradeDue(from: old, to: new), .upgradeDidNotComeUp(new), .maintenanceOver,
        .entranceChanged, .datastoreChanged, .replacementRequested, .nodeDead(.unreachable("timed out")),
        .imageDiffers(from: "exeuntu", to: "debian:12"), .sizeDiffers, .sizeAwaitsRestart, .awaitingVMList, .awaitingNewVMList,
        .awaitingSecondVMList, .awaitingProbe, .awaitingClusterRead, .awaitingShareProbe, .hostUnreachable("timed out"),
        .createOutcomeUnknown,
        .commandOutcomeUnknown, .vmStarting,
        .vmNotRunning("migrating"), .hostBooting(systemd: "starting", jobs: ["slow.service"]),
        .controlPlaneNotReady(server: "demo-cp-n1", .starting(nil)),
        .fleetWithoutServer, .removalNeedsControlPlane(.fleetWithoutServer),
        .cleanupNeedsControlPlane(.controlPlaneNotReady(server: "demo-cp-n1", .unread)), .nodeMayStillJoin, .vmRemovalUnconfirmed,
        .nodeRemovalUnconfirmed, .nodeAliveWithoutVM, .nodeSilenceUnconfirmed, .backOff(failure: "502"),
        .k3sJoining(unit: crashing, journal: "bad token"), .restartUnconfirmed(unit: crashing, journal: "bad flag"), .nodeDeleting,
        .nodeNotReady("not ready (KubeletNotReady)"), .nodeSilent(.unreachable("connection refused")),
        .limitReached(.maxUnavailable, 1, by: ["a"]), .leaseExpiry(seconds: 60),
        .upgradeAwaitsStaging(["a"]), .upgradeAwaitsServers(["a"]), .upgradeAwaitsAgents(["a", "b", "c", "d"]), .upgradeUnconfirmed(new),
        .sizeUnconfirmed, .shareProbeFails(question, .status(502)),
        .windowClosed(WindowOpening(at: 0, words: "Sun 2026-11-29 02:00 UTC")),
        .fleetPaused(FleetPause(by: "ada@ops", since: 1_795_898_940, reason: "disk swap")),
        .memberNotVoting("MemberIsLearner"),
        .entranceInUse(by: ["a"]), .limitHeld(.deletionsPerPass, 1, by: ["a", "b"]),
        .vmForeign(name: "a", tag: "fleet-demo"), .vmPaused(name: "a"), .vmFailed(name: "a", status: "error"),
        .waitTimedOut(.hostUnreachable("timed out"), node: "a", seconds: 180),
        .hostRefused("the host key is another", advice: "see why"), .hostMisrouted(vm: "a", hostname: "b"), .hostOfOtherCluster(id: "x"),
        .serverOfOtherCluster(id: nil), .clusterCAChanged, .serverVMGone(name: "a"), .serverDataGone(name: "a"),
        .serverNotRegistered(name: "a"), .k3sDidNotJoin(node: "a", role: .agent, seconds: 180, journal: nil),
        .k3sFails(node: "a", role: .agent, unit: crashing, journal: "bad flag"), .drainBlocked(bare),
        .downgrade(from: new, to: old),
        .upgradeSkipsMinor(from: old, to: new, missing: "v1.35"), .upgradeFailed(node: "a", version: new, journal: "fatal"),
        .upgradeStopped(by: ["a", "b"]), .upgradeControllerAtWork(plans: ["system-upgrade/server"]), .snapshotMissing(version: new),
        .agentAheadOfServer(node: "a", version: new, server: old), .roleChanged(isServer: true),
        .networkRangesChanged(clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"),
        .credentialMissing("TS_AUTHKEY is not set", advice: "set it"), .overlayRefused(.keyUsed, words: "authkey already used"),
        .hostDriftsAgain(HostDrift(files: [], isOutdated: true)), .labelsChangeAgain("tier=front"),
        .foreignConfiguration(files: ["/etc/rancher/k3s/config.yaml.d/a.yaml"]),
        .foundingValuesChanged([FoundingChange(key: "cluster-domain", value: "cluster.local")]),
        .criticalValuesChanged([FoundingChange(key: "disable", value: "traefik")]),
        .diskNotShrinkable(VMSpecChange(field: "disk", from: "about 40GB", to: "20GB")),
        .diskAwaitsApproval(
            VMSpecChange(field: "disk", from: "20GB", to: "500GB"),
            DiskApproval(requestedBytes: 500 << 30, selfServeBytes: 100 << 30, reasons: ["per_vm"])),
        .resizeIneffective([VMSpecChange(field: "cpu", from: "2", to: "4")]), .actionRefused("quota", advice: "ask"),
        .actionNotApproved(.install), .vmsNotListed, .vmExists(name: "a"), .vmNotListed(name: "a"),
        .vmLimitExceeded(others: 4, unlisted: ["a"], limit: 4), .vmsVanished(count: 2, of: 4), .foundedElsewhere(server: "a"),
        .serverNotRemovable(name: "a"), .quorumAtRisk(server: "a", left: 1, of: 3, silent: ["b"]), .notInLedger(name: "a"),
        .controlPlaneBlocked(server: "a"), .leaseUnavailable(name: "l", failure: "timeout"), .leaseHeld(name: "l", by: "desk", seconds: 9),
        .serversUnsettled(.learning(["a"])), .ghostMembers(["a"]), .serverMemberLeft(name: "a"), .quorumLost(lost: ["a", "b"], of: 3),
        .nodeDeadForGood(name: "a", role: .agent, .unreachable("timed out")), .massSilence(count: 2, of: 4),
        .replacedLately(name: "a", nil), .imageChanged(name: "a", role: .agent, from: "exeuntu", to: "debian:12"), .nodeStays(name: "a"),
        .podNetworkDown(interface: "flannel.1", mtu: 1230, peers: ["b"]), .overlayLockedOut, .overlayNameTaken(vm: "a", device: "a-1"),
        .pruneDisabled, .pruneDisabledForNode, .nodeOutlivesVM,
    ]

    @Test func everyCodeStandsInTheTable() {
        #expect(Self.all.map(\.code) == Reason.Code.allCases)
    }

    @Test func everyReasonHasWordsOfItsOwn() {
        let texts = Self.all.map(\.text)
        #expect(Set(texts).count == texts.count)
        for reason in Self.all {
            #expect(!reason.text.isEmpty && reason.text != reason.code.rawValue, "\(reason)")
            for dump in ["Optional(", "nil", "FleetCore.", "K3s.", ": ["] { #expect(!"\(reason.text) \(reason.advice)".contains(dump)) }
        }
    }

    /// From the first one that blocks to the last.
    @Test func whatBlocksComesWithAdvice() throws {
        let (first, end) = (try #require(Self.place(.limitHeld)), try #require(Self.place(.pruneDisabled)))
        for (place, reason) in Self.all.enumerated() { #expect(reason.advice.isEmpty != (first..<end).contains(place), "\(reason)") }
    }

    /// Another policy lets a server be made again.
    @Test func doctorLooksCloserAtWhatBlocks() {
        for reason in Self.all where !reason.advice.isEmpty { #expect(reason.code.doctorCheck != nil, "\(reason.code)") }
    }

    @Test func adviceFitsTheRole() {
        func advice(_ role: Role) -> String { Reason.imageChanged(name: "a", role: role, from: "b", to: "c").advice }
        #expect(advice(.agent).contains("\"agents\"") && advice(.server).contains("\"all\""))
        #expect(Reason.foundedElsewhere(server: "demo-cp-n1").advice.contains("demo-cp-n1"))
    }

    /// A wait has no advice; what it came to has.
    @Test(arguments: [
        (ShareAnswer.status(502), "https://a.exe.xyz/healthz to answer 200 (it answers 502)", "exedev-ctl curl a/healthz"),
        (.silent("no answer of a.exe.xyz in 10 s"), "https://a.exe.xyz/healthz to answer 200 (no answer of a.exe.xyz in 10 s)", "curl"),
        (.unasked("no key"), "https://a.exe.xyz/healthz to answer 200 (it was not asked: no key)", "ssh.keyFile"),
    ])
    func saysWhatAVMAnswers(answer: ShareAnswer, text: String, advice: String) {
        let reason = Reason.shareProbeFails(Self.question, answer)
        let overdue = Reason.waitTimedOut(reason, node: "a", seconds: 180)
        #expect(reason.text == text && reason.isTrouble(.agent) && reason.isTrouble(.server))
        #expect(overdue.text == "waited 180 s for it in vain: \(text)" && overdue.advice.contains(advice))
        #expect(overdue.doctorCheck == .shareProbe && overdue.isOfShareProbe)
        let other = Reason.waitTimedOut(.hostUnreachable("timed out"), node: "a", seconds: 180)
        #expect(other.doctorCheck == .hosts && !other.isOfShareProbe)
    }

    private static func place(_ code: Reason.Code) -> Int? { all.firstIndex { $0.code == code } }

    @Test(arguments: [
        (Reason.Code.vmMissing, "VMMissing"), (.k3sDidNotJoin, "K3sDidNotJoin"), (.vmsVanished, "VMsVanished"), (.leaseHeld, "LeaseHeld"),
    ])
    func codesAreCamelCase(code: Reason.Code, word: String) { #expect(code.rawValue == word) }

    @Test(arguments: [
        ("inactive", true, "k3s was stopped on its host, by whom is not known: it is inactive (dead)"),
        ("failed", false, "k3s was stopped on its host, by whom is not known: it is failed (dead) and disabled"),
        ("active", false, "k3s was disabled on its host, by whom is not known: it would not start with it"),
    ])
    func saysHowK3sWasStopped(active: String, enabled: Bool, text: String) {
        #expect(Reason.k3sStopped(unit: "k3s", UnitState(active: active, sub: "dead", enabled: enabled, restarts: 0)).text == text)
    }
}
