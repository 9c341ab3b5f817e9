import K3s

/// The only place where a reason becomes words.
extension Reason {
    /// One clause without a full stop, as it stands behind a node's name.
    package var text: String {
        causeText ?? waitText ?? answerText ?? upgradeText ?? deferralText ?? blockText ?? refusalText ?? serverText ?? replacementText
            ?? sizeText
            ?? reportText
            ?? code.rawValue
    }

    private var causeText: String? {
        switch self {
        case .vmMissing: "no VM has this name"
        case .vmStopped: "the VM is stopped"
        case .hostUnprepared: "the host is not prepared"
        case .k3sNotInstalled: "k3s is not set up"
        case .identityStale: "the VM is new and the cluster may have a node password under its name"
        case .installInterrupted: "an earlier install was cut short or its configuration changed"
        case .nodeNotRegistered: "k3s runs there and its node is not in the cluster"
        case .labelsOrTaintsDiffer: "labels or taints differ"
        case .tagsDiffer: "tags differ"
        case .commentDiffers: "the VM's comment differs"
        case .sharingDiffers: "sharing is not as asked"
        case .wantedAgain: "it is wanted again"
        case .configurationNotRecorded: "how it is configured is not in this ledger"
        case .installOutcomeUnknown: "the outcome of its last install is unknown"
        case .configurationChanged: "its configuration changed"
        case .hostDrifted(let drift): drift.words
        case .k3sStopped(let unit, let state): Self.stopped(unit, state)
        case .notInFleetFile: "no pool asks for it"
        case .podsLeft(let hindrance): hindrance.words
        case .removalUnfinished: "its VM is gone and its removal was not finished"
        case .nodeWithoutVM: "its VM is gone and no pool asks for it"
        case .fleetDestroyed: "the operator destroys the fleet"
        default: nil
        }
    }

    private var waitText: String? {
        switch self {
        case .awaitingVMList: "the list of VMs"
        case .awaitingNewVMList: "the VMs to be listed again"
        case .awaitingSecondVMList: "a second list of VMs that lacks it: one may be old or partial"
        case .awaitingProbe: "the host to be probed"
        case .awaitingClusterRead: "the cluster to be read again"
        case .hostUnreachable(let reason): "SSH to answer (\(reason))"
        case .createOutcomeUnknown: "the outcome of an earlier create VM is unknown"
        case .commandOutcomeUnknown: "exe.dev did not answer an earlier command and may still carry it out"
        case .vmStarting: "the VM to come up"
        case .vmNotRunning(let status): "the VM is \(status)"
        case .hostBooting(let systemd, let jobs):
            "systemd is \(systemd)" + (jobs.isEmpty ? "" : ", at work on \(jobs.joined(separator: ", "))")
        case .controlPlaneNotReady(let server, let silence): "control plane \(server) \(silence.text)"
        case .fleetWithoutServer: "the fleet has no server"
        case .removalNeedsControlPlane(let reason): "the cluster must be read before a node is removed: \(reason.text)"
        case .cleanupNeedsControlPlane(let reason): "what is left of it must be removed: \(reason.text)"
        case .nodeMayStillJoin: "k3s was started there a moment ago: it may join and have pods"
        case .vmRemovalUnconfirmed: "a list without it: exe.dev said that it is removed"
        case .nodeRemovalUnconfirmed: "the cluster to be read once more: its node may have come back"
        case .nodeAliveWithoutVM: "exe.dev does not list the VM, but its node is alive"
        case .nodeSilenceUnconfirmed: "exe.dev does not list the VM; its node's silence and a second list will tell"
        case .backOff(let failure): "trying again soon: \(failure)"
        case .k3sJoining(let unit, let journal): "k3s to join" + Self.crashes(unit, journal)
        case .restartUnconfirmed(let unit, let journal): "k3s to be up again, \(Self.stale)" + Self.crashes(unit, journal)
        case .nodeDeleting: "the node is being deleted"
        case .nodeNotReady(let words, let evidence): "the node is \(words)" + (evidence.map { "; \($0.text)" } ?? "")
        case .nodeSilent(let evidence): "the node is silent" + (evidence.map { "; \($0.text)" } ?? "")
        case .leaseExpiry(let seconds): "its lease to run out, which another machine may hold (\(seconds) s)"
        case .limitReached(let limit, let value, let names, let isRestart):
            "limits.\(limit.rawValue) allows \(value)\(Self.taken(by: names))"
                + (isRestart ? " until k3s is surely up again there, \(Self.stale)" : "")
        default: nil
        }
    }

    private var deferralText: String? {
        switch self {
        case .windowClosed(let opening): "the maintenance window, which opens \(opening.words)"
        case .fleetPaused(let pause): "the fleet is \(pause.words)"
        default: nil
        }
    }

    private static let stale = "up to \(Int(Availability.staleReadiness)) s after its restart"

    private static func stopped(_ unit: String, _ state: UnitState) -> String {
        guard state.isStopped else { return "\(unit) was disabled on its host, by whom is not known: it would not start with it" }
        return "\(unit) was stopped on its host, by whom is not known: it is \(state.words)" + (state.enabled ? "" : " and disabled")
    }

    private static func crashes(_ unit: UnitState?, _ journal: String?) -> String {
        guard let unit, unit.restarts > 0 else { return "" }
        return "; it is \(unit.words): \(journal ?? "its journal is empty")"
    }

    private var blockText: String? {
        switch self {
        case .limitHeld(let limit, let value, let names): "limits.\(limit.rawValue) allows \(value)" + Self.held(names)
        case .vmForeign(_, let tag): "the VM lacks the tag \(tag)"
        case .vmPaused: "the VM is paused"
        case .vmFailed(_, let status): "exe.dev says of the VM: \(status)"
        case .waitTimedOut(let reason, _, let seconds): "waited \(seconds) s for it in vain: \(reason.text)"
        case .hostRefused(let message, _), .actionRefused(let message, _), .credentialMissing(let message, _): message
        case .overlayRefused(_, let words): "the overlay did not let the host in: \(words)"
        case .hostMisrouted(let vm, let hostname): "the host that answered for \(vm) calls itself \(hostname)"
        case .hostOfOtherCluster(let id): "the host belongs to another cluster" + (id.map { " (\($0))" } ?? "")
        case .serverOfOtherCluster(let id): "the server was set up for another cluster" + (id.map { " (\($0))" } ?? "")
        case .clusterCAChanged: "the server answers for another cluster than the one that was founded here (its CA differs)"
        case .serverVMGone: "the server's VM is gone and with it the data of the cluster"
        case .serverDataGone(let name): "\(name) has lost the data of the cluster"
        case .serverNotRegistered(let name): "k3s runs on \(name) and its node is not in the cluster"
        case .k3sDidNotJoin(_, _, let seconds, _): "k3s did not join in \(seconds) s"
        case .k3sFails(_, _, let unit, _): "k3s does not come up: it is \(unit.words)"
        case .drainBlocked(let hindrance): "it cannot be drained: \(hindrance.words)"
        case .downgrade(let from, let to): "downgrade from \(from) to \(to)"
        default: nil
        }
    }

    private var upgradeText: String? {
        switch self {
        case .upgradeDue(let from, let to): "it runs \(from), and is to run \(to)"
        case .upgradeDidNotComeUp(let version): "it did not come up on \(version)"
        case .maintenanceOver: "its maintenance is over"
        case .upgradeAwaitsStaging(let names): "the new k3s to be staged on \(Self.first(names))"
        case .upgradeAwaitsServers(let names): "the upgrade of \(Self.first(names))"
        case .upgradeAwaitsAgents(let names): "\(Self.first(names)) to follow the servers first"
        case .upgradeUnconfirmed(let version): "the node to show that it runs \(version)"
        case .upgradeSkipsMinor(let from, let to, let missing): "upgrade from \(from) to \(to) would leave out \(missing)"
        case .upgradeFailed(_, let version, _): "it did not come up on \(version) and has its former k3s again; it stays cordoned"
        case .upgradeStopped(let names): "the upgrade stopped at \(Self.first(names))"
        case .upgradeControllerAtWork(let plans): "the system-upgrade-controller has plans in this cluster: \(Self.first(plans))"
        case .snapshotMissing(let version): "there is no copy of the datastore from before \(version)"
        default: nil
        }
    }

    private static func first(_ names: [String]) -> String {
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
    }

    private static func taken(by names: [String]) -> String {
        names.isEmpty ? "" : ", taken by " + first(names)
    }

    private static func held(_ names: [String]) -> String {
        names.isEmpty ? "" : ", and \(names.joined(separator: ", ")) \(names.count == 1 ? "is" : "are") blocked"
    }

    private var refusalText: String? {
        switch self {
        case .agentAheadOfServer(let node, let version, let server):
            "\(node) would run \(version) and its server runs \(server)"
        case .roleChanged(let isServer): "the node is \(isServer ? "a server" : "an agent")"
        case .networkRangesChanged(let pods, let services):
            "clusterCIDR and serviceCIDR are fixed once a cluster exists (\(pods), \(services))"
        case .labelsChangeAgain(let patch): "put right \(Planner.patchesInARun) times, and somebody changes it again: \(patch)"
        case .hostDriftsAgain(let drift): "put right, and again " + drift.words
        case .foreignConfiguration(let files): "k3s takes arguments from " + files.joined(separator: ", ") + " too"
        case .foundingValuesChanged(let changes):
            changes.map(\.key).joined(separator: ", ") + " of serverConfig cannot change once a cluster exists"
        case .criticalValuesChanged(let changes):
            changes.map(\.key).joined(separator: ", ") + " must be the same on all servers, and k3s does not start where it differs"
        case .actionNotApproved(let step): "\(step.words) is not in the approved plan"
        case .vmsNotListed: "the list of VMs was not read"
        case .vmExists(let name): "a VM named \(name) exists"
        case .vmNotListed(let name): "\(name) was not seen in this run"
        case .vmLimitExceeded(let others, let unlisted, let limit): Self.exceeded(others, unlisted, limit)
        case .vmsVanished(let count, let known): "\(count) of \(known) VMs are gone from exe.dev's list at once; the breaker is open"
        case .foundedElsewhere(let server): "the cluster was founded on \(server)"
        case .serverNotRemovable(let name): "\(name) is a server that cannot leave now"
        case .quorumAtRisk(let server, let left, let all, _):
            "restarting k3s on \(server) would leave \(left) of \(all) servers, which is no quorum"
        case .notInLedger(let name): "\(name) carries our tag and is not in this ledger"
        case .controlPlaneBlocked(let server): "its control plane \(server) is blocked"
        case .leaseUnavailable(let name, let failure): "the lease \(name) cannot be taken: \(failure)"
        case .leaseHeld(let name, let holder, let seconds): "\(holder) holds the lease \(name) of this cluster for \(seconds) s more"
        case .podNetworkDown(let interface, let mtu, let peers):
            "pods cannot cross to \(peers.joined(separator: ", ")) over \(interface)" + (mtu.map { " (MTU \($0))" } ?? "")
        case .overlayLockedOut: "its device is locked out of the tailnet (Tailnet Lock)"
        case .overlayNameTaken(let vm, let device): "its device is called \(device), for another one in the tailnet is called \(vm)"
        default: nil
        }
    }

    private static func exceeded(_ others: Int, _ unlisted: [String], _ limit: Int) -> String {
        let which = unlisted.isEmpty ? "" : " (not in exe.dev's list now: \(unlisted.joined(separator: ", ")))"
        return "\(others) VMs exist\(which) and limits.maxVMs is \(limit)"
    }

    private var reportText: String? {
        switch self {
        case .pruneDisabled: "no pool asks for it; policy.prune is off, so it stays"
        case .pruneDisabledForNode: "its VM is gone and no pool asks for it; policy.prune is off, so the node stays"
        case .nodeOutlivesVM: "exe.dev does not list its VM, yet it lives: not ours to remove"
        default: nil
        }
    }
}

extension HostDrift {
    fileprivate var words: String {
        if hasOtherTaints { return "its configuration has other taints for its next registration; k3s is not restarted for them" }
        if files.isEmpty { return "k3s runs with other arguments than the files on its host say" }
        return files.joined(separator: ", ") + " on its host \(files.count == 1 ? "was" : "were") changed by somebody else"
    }
}

extension ControlPlaneSilence {
    fileprivate var text: String {
        switch self {
        case .unread: "is not there yet"
        case .unreachable(let reason): "cannot be read: \(reason)"
        case .starting(let reason): "is starting: \(reason ?? "no API yet")"
        case .ofOtherCluster: "is another cluster's"
        case .unregistered: "has not registered its node"
        }
    }
}
