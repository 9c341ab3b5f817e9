package import K3s

/// Why a node is acted on, waits, is blocked or is left alone. A code with its values; `Reason+Text.swift` renders it for people.
package indirect enum Reason: Sendable, Hashable {
    // MARK: why something is done

    case vmMissing
    case vmStopped
    case hostUnprepared
    case k3sNotInstalled
    /// The VM is new, and the cluster may still have the node password of the machine before it (facts/k3s.md §6.1).
    case identityStale
    case installInterrupted
    case nodeNotRegistered
    case labelsOrTaintsDiffer
    case tagsDiffer
    case commentDiffers
    case sharingDiffers
    /// Its removal had begun when the file came to ask for it again.
    case wantedAgain
    case configurationNotRecorded
    case installOutcomeUnknown
    case configurationChanged
    case hostDrifted(HostDrift)
    /// `unit`: the name of k3s's unit on the host, which somebody stopped or disabled.
    case k3sStopped(unit: String, UnitState)
    case notInFleetFile
    /// Its drain goes on.
    case podsLeft(DrainHindrance)
    case removalUnfinished
    case nodeWithoutVM
    case fleetDestroyed
    case upgradeDue(from: K3sVersion, to: K3sVersion)
    case upgradeDidNotComeUp(K3sVersion)
    case maintenanceOver
    /// The way into the cluster that its configuration names is another one now; k3s is not restarted for it.
    case entranceChanged
    /// Its state goes from sqlite to etcd.
    case datastoreChanged
    case replacementRequested
    /// Nil: its host was not probed, and exe.dev is the second witness.
    case nodeDead(HostEvidence?)
    case imageDiffers(from: String, to: String)
    case sizeDiffers
    /// exe.dev has taken its new size, which counts from its VM's next restart on.
    case sizeAwaitsRestart

    // MARK: what is waited for

    case awaitingVMList
    case awaitingNewVMList
    case awaitingSecondVMList
    case awaitingProbe
    case awaitingClusterRead
    /// `share.probe`
    case awaitingShareProbe
    case hostUnreachable(String)
    case createOutcomeUnknown
    case commandOutcomeUnknown
    case vmStarting
    /// exe.dev's own word for the status.
    case vmNotRunning(String)
    /// `jobs`: the units that systemd is at work on.
    case hostBooting(systemd: String, jobs: [String])
    case controlPlaneNotReady(server: String, ControlPlaneSilence)
    case fleetWithoutServer
    case removalNeedsControlPlane(Reason)
    case cleanupNeedsControlPlane(Reason)
    case nodeMayStillJoin
    case vmRemovalUnconfirmed
    case nodeRemovalUnconfirmed
    case nodeAliveWithoutVM
    case nodeSilenceUnconfirmed
    case backOff(failure: String)
    case k3sJoining(unit: UnitState?, journal: String?)
    case restartUnconfirmed(unit: UnitState?, journal: String?)
    case nodeDeleting
    /// The evidence is nil while its host was not probed.
    case nodeNotReady(String, HostEvidence? = nil)
    /// Nil: its host was not probed.
    case nodeSilent(HostEvidence?)
    /// `by`: the other nodes that take it; `isRestart`: k3s was restarted on them, or may have been, and whether it is up is not sure yet.
    case limitReached(LimitName, Int, by: [String], isRestart: Bool = false)
    /// On the Lease of a server that gives no answer, which another machine may hold.
    case leaseExpiry(seconds: Int)
    /// For nodes that have not staged the new k3s yet.
    case upgradeAwaitsStaging([String])
    case upgradeAwaitsServers([String])
    case upgradeAwaitsAgents([String])
    /// The new k3s was started and its Node shows the old one.
    case upgradeUnconfirmed(K3sVersion)
    /// exe.dev's list may be one of before.
    case sizeUnconfirmed
    case shareProbeFails(ShareQuestion, ShareAnswer)

    // MARK: what is put off

    case windowClosed(WindowOpening)
    case fleetPaused(FleetPause)
    /// In k3s's word for how its member of etcd is; nil while it says nothing of one.
    case memberNotVoting(String?)
    /// Configurations of these nodes name it as the way into the cluster.
    case entranceInUse(by: [String])

    // MARK: what only the operator can change

    case limitHeld(LimitName, Int, by: [String])
    case vmForeign(name: String, tag: String)
    case vmPaused(name: String)
    case vmFailed(name: String, status: String)
    /// It was waited for in vain for so many seconds; it is tried again in the next run.
    case waitTimedOut(Reason, node: String, seconds: Int)
    /// The host answered and must not be touched.
    case hostRefused(String, advice: String)
    case hostMisrouted(vm: String, hostname: String)
    case hostOfOtherCluster(id: String?)
    case serverOfOtherCluster(id: String?)
    case clusterCAChanged
    case serverVMGone(name: String)
    case serverDataGone(name: String)
    case serverNotRegistered(name: String)
    case k3sDidNotJoin(node: String, role: Role, seconds: Int, journal: String?)
    case k3sFails(node: String, role: Role, unit: UnitState, journal: String?)
    case drainBlocked(DrainHindrance)
    case downgrade(from: K3sVersion, to: K3sVersion)
    /// `missing`: the minor of which no release is known, such as `v1.35`.
    case upgradeSkipsMinor(from: K3sVersion, to: K3sVersion, missing: String)
    case upgradeFailed(node: String, version: K3sVersion, journal: String?)
    case upgradeStopped(by: [String])
    /// Plans of the system-upgrade-controller, `NAMESPACE/NAME`.
    case upgradeControllerAtWork(plans: [String])
    case snapshotMissing(version: K3sVersion)
    case agentAheadOfServer(node: String, version: K3sVersion, server: K3sVersion)
    case roleChanged(isServer: Bool)
    case networkRangesChanged(clusterCIDR: String, serviceCIDR: String)
    /// Nothing is created that could not be entered or joined afterwards.
    case credentialMissing(String, advice: String)
    /// `words`: those of tailscale.
    case overlayRefused(OverlayRefusal, words: String)
    /// Somebody, or something, changes what we write right after we did.
    case hostDriftsAgain(HostDrift)
    /// The same of labels or taints of the Node; the patch that would be next, in words.
    case labelsChangeAgain(String)
    /// Files from which k3s takes arguments too, and which are not ours.
    case foreignConfiguration(files: [String])
    case foundingValuesChanged([FoundingChange])
    /// Of several servers.
    case criticalValuesChanged([FoundingChange])
    case diskNotShrinkable(VMSpecChange)
    case diskAwaitsApproval(VMSpecChange, DiskApproval)
    /// It was resized and restarted, and exe.dev's list shows another size.
    case resizeIneffective([VMSpecChange])
    /// exe.dev, the host or a safety rule said no when the action was sent.
    case actionRefused(String, advice: String)
    case actionNotApproved(StepKind)
    case vmsNotListed
    case vmExists(name: String)
    case vmNotListed(name: String)
    case vmLimitExceeded(others: Int, unlisted: [String], limit: Int)
    /// The breaker is open.
    case vmsVanished(count: Int, of: Int)
    case foundedElsewhere(server: String)
    case serverNotRemovable(name: String)
    case quorumAtRisk(server: String, left: Int, of: Int, silent: [String])
    case notInLedger(name: String)
    case controlPlaneBlocked(server: String)
    case leaseUnavailable(name: String, failure: String)
    case leaseHeld(name: String, by: String, seconds: Int)
    /// One server at a time is changed, and only while all the others are well: waited for until those are blocked.
    case serversUnsettled(ServerHindrance)
    /// Members of etcd without a Node.
    case ghostMembers([String])
    /// Its VM is gone, or was made again, and its member is still one of etcd's.
    case serverMemberLeft(name: String)
    case quorumLost(lost: [String], of: Int)
    case nodeDeadForGood(name: String, role: Role, HostEvidence?)
    /// The breaker of restarts and replacements.
    case massSilence(count: Int, of: Int)
    case replacedLately(name: String, HostEvidence?)
    case imageChanged(name: String, role: Role, from: String, to: String)
    case nodeStays(name: String)

    // MARK: the networks between nodes, which only the operator can change either

    /// Pods cannot cross from this node to these, which are ready.
    case podNetworkDown(interface: String, mtu: Int?, peers: [String])
    case overlayLockedOut
    /// Another device has the VM's name in the tailnet.
    case overlayNameTaken(vm: String, device: String)

    // MARK: what is left alone on purpose

    case pruneDisabled
    case pruneDisabledForNode
    case nodeOutlivesVM

    /// Waited for although nothing of ours is under way that would end it. `role`: of the node that waits.
    package func isTrouble(_ role: Role) -> Bool {
        switch code {
        case .hostUnreachable, .nodeNotReady, .nodeSilent, .vmNotRunning, .nodeDeleting, .shareProbeFails: true
        case .controlPlaneNotReady, .memberNotVoting: role == .server
        default: false
        }
    }

    /// While it is given the trouble of a node goes on, if there was any.
    package var leavesTroubleOpen: Bool {
        [.waitTimedOut, .hostRefused, .awaitingVMList, .awaitingProbe, .awaitingClusterRead, .awaitingShareProbe].contains(code)
    }

    /// All is well with the node but what its VM answers behind exe.dev's proxy.
    package var isOfShareProbe: Bool {
        switch self {
        case .awaitingShareProbe, .shareProbeFails: true
        case .waitTimedOut(let reason, _, _): reason.isOfShareProbe
        default: false
        }
    }

    /// Of a refusal at the last moment: the next plan takes it into account.
    package var passesByItself: Bool { isOfOtherServers || code == .nodeStays }

    /// The host is to have other taints for the node's next registration; k3s is not restarted for them.
    var isOfRegistration: Bool { if case .hostDrifted(let drift) = self { drift.hasOtherTaints } else { false } }

    /// So much is gone, or out of reach, at once that nothing is made, restarted or replaced.
    package var isBreaker: Bool { code == .vmsVanished || code == .massSilence }
}

/// What is not as an install left it on a host.
package struct HostDrift: Sendable, Hashable {
    /// Files that were changed or are gone, by their paths.
    package var files: [String]
    /// k3s was started with other files than those that are there.
    package var isOutdated: Bool
    /// Its configuration has other taints, which count only when it registers again: k3s is not restarted for them.
    package var hasOtherTaints: Bool

    package init(files: [String], isOutdated: Bool = false, hasOtherTaints: Bool = false) {
        (self.files, self.isOutdated, self.hasOtherTaints) = (files, isOutdated, hasOtherTaints)
    }
}

/// What keeps a control plane from being used.
package enum ControlPlaneSilence: Sendable, Hashable {
    /// It was not read yet.
    case unread
    case unreachable(String)
    case starting(String?)
    case ofOtherCluster
    case unregistered
}

/// What keeps a server from being changed now: how others are.
package enum ServerHindrance: Sendable, Hashable {
    /// The cluster is yet to be founded, there.
    case founding(String)
    case notReady([String])
    /// Not voters yet.
    case learning([String])
    /// k3s was started there, and their Nodes are awaited.
    case joining([String])
    case leaving([String])
    /// Nodes that are being deleted.
    case deleting([String])
    /// Steps of this run are under way there.
    case changing([String])
    /// One was changed so many seconds ago.
    case changed(seconds: Int)
    /// etcd lists fewer members than there are Nodes of servers.
    case unlisted([String])

    package var names: [String] {
        switch self {
        case .founding(let name): [name]
        case .notReady(let names), .learning(let names), .joining(let names), .leaving(let names), .deleting(let names),
            .changing(let names), .unlisted(let names):
            names
        case .changed: []
        }
    }
}

/// A limit of the fleet file.
package enum LimitName: String, Sendable, Hashable {
    case deletionsPerPass, maxUnavailable, maxVMs
}
