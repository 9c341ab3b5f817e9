import K3s

extension Reason {
    /// What the operator can do about it; empty unless it blocks.
    package var advice: String {
        switch self {
        case .limitHeld(let limit, _, let names):
            Self.mend(names, else: limit == .maxVMs ? "raise limits.maxVMs or shrink a pool" : "raise it")
        case .vmForeign(let name, let tag):
            "rename it, change vmPrefix, or hand it over with: exedev-ctl tag \(name) \(tag)"
        case .vmPaused(let name): "resume it: exedev-ctl resume \(name)"
        case .vmFailed(let name, _): "see why: ssh exe.dev vm-logs \(name); once it is removed, it is created again"
        case .waitTimedOut(let reason, let node, _):
            reason.answerAdvice
                ?? "look at the VM: ssh exe.dev vm-logs \(node); when it answers, the next run goes on with it by itself"
        case .hostRefused(_, let advice), .actionRefused(_, let advice), .credentialMissing(_, let advice): advice
        case .overlayRefused(let refusal, _): refusal.advice
        case .hostMisrouted:
            "exe.dev picks the VM by address and the first key that it knows: name the key of the token's account with ssh.keyFile"
        case .hostOfOtherCluster, .serverOfOtherCluster:
            "use the state directory that set it up; if that is lost, exedev-k8s recover rebuilds it"
        case .clusterCAChanged: "restore the server's disk, or destroy the fleet and apply again"
        case .serverVMGone(let name):
            "restore the VM under the name \(name), or destroy the fleet and apply again to start an empty cluster"
        case .serverDataGone: "restore its disk or a snapshot; founding it again would make a second, empty cluster"
        case .serverNotRegistered: "restart k3s there, so that it registers again"
        case .k3sDidNotJoin(let node, let role, _, let journal), .k3sFails(let node, let role, _, let journal):
            journal.map { "last words of its journal: \($0)" } ?? "see why on \(node): journalctl -u \(role.unit)"
        case .drainBlocked(let hindrance): hindrance.advice
        case .downgrade(let from, _): "k3s cannot go back; set k3s to \(from)"
        case .agentAheadOfServer: "upgrade the servers first: raise cluster.k3s"
        case .roleChanged: "give the pool another vmPrefix"
        case .networkRangesChanged: "put them back"
        case .labelsChangeAgain: "find what in the cluster writes the Node's labels or taints, and stop it or leave them to it"
        case .hostDriftsAgain: "find what on the host writes there, and stop it"
        case .foreignConfiguration: "put what they say into serverConfig or agentConfig, and remove them from the host"
        case .foundingValuesChanged(let changes):
            "put back " + changes.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        case .criticalValuesChanged(let changes):
            "put back " + changes.map { "\($0.key): \($0.value.isEmpty ? "[]" : $0.value)" }.joined(separator: ", ")
                + "; a cluster of one server can change it"
        default: refusalAdvice
        }
    }

    private static func names(_ names: [String]) -> String { names.joined(separator: ", ") }

    private static func mend(_ names: [String], else advice: String) -> String {
        names.isEmpty ? advice : "mend \(names.joined(separator: ", ")) first"
    }

    private var refusalAdvice: String {
        switch self {
        case .upgradeSkipsMinor(_, _, let missing): "add a release of \(missing) to cluster.upgradePath"
        case .upgradeFailed(let node, _, let journal):
            (journal.map { "last words of its journal: \($0); " } ?? "see why on \(node); ")
                + "apply tries again, another release may do better, and its former one in k3s puts the node back in service"
        case .upgradeStopped(let names): "mend \(Self.names(names)) first"
        case .upgradeControllerAtWork: "delete its Plans: two upgraders must not be at work in one cluster"
        case .snapshotMissing: "run again"
        case .actionNotApproved: "plan again and approve the new plan"
        case .vmsNotListed, .vmNotListed: "run again"
        case .vmExists: "run again to see whose it is"
        case .vmLimitExceeded: "raise limits.maxVMs or shrink a pool"
        case .vmsVanished:
            "it closes when they are listed again; if they are really gone, run exedev-k8s apply (stop the daemon before it, if one runs)"
        case .foundedElsewhere(let server):
            "put the server's vmPrefix back, so that it is \(server) again; moving a server is not built yet"
        case .serverNotRemovable:
            "one of several servers may leave, when all the others vote in etcd; the only one has the cluster's data, and is removed by destroy alone"
        case .quorumAtRisk(_, _, _, let silent):
            silent.isEmpty ? "add a third server or remove the second" : "bring \(silent.joined(separator: ", ")) back first"
        case .notInLedger: "add it to the fleet file, or remove this VM alone: exedev-ctl rm NAME (destroy removes the whole fleet)"
        case .controlPlaneBlocked(let server): "mend \(server) first"
        case .leaseUnavailable: "see what keeps the API server from writing; then run again"
        case .leaseHeld: "only one machine may keep a fleet: stop the other one, or wait; its lease ends by itself when it is gone"
        case .podNetworkDown(_, _, let peers):
            "see that the tailnet's rules let UDP 8472 and TCP 10250 pass between nodes, that `tailscale ping` reaches "
                + "\(peers.first ?? "the peer"), and that nothing on the way drops packets as long as the MTU; restart k3s if tailscaled was restarted"
        case .overlayLockedOut:
            "sign its key on a trusted device: `tailscale lock sign` with what `tailscale lock status` on the host prints"
        case .overlayNameTaken(let vm, _): "remove the old device \(vm) from the tailnet if its machine is gone"
        case .diskNotShrinkable, .diskAwaitsApproval, .resizeIneffective: sizeAdvice
        default: serverAdvice
        }
    }
}

extension DrainHindrance {
    fileprivate var advice: String {
        if !bare.isEmpty { return "delete those pods, or set policy.drain.force to end pods that nothing starts again" }
        if !withData.isEmpty { return "delete those pods, or set policy.drain.deleteEmptyDir to lose their volumes" }
        return
            "let the budgets allow it (more replicas, a larger maxUnavailable), or raise policy.drain.timeout; it is tried again now and then"
    }
}

extension OverlayRefusal {
    fileprivate var advice: String {
        switch self {
        case .keyUsed: "the auth key lets one machine in and did: make a reusable one, and put it where cluster.network.authKey says"
        case .keyUnknown:
            "the auth key has ended (90 days at most), was revoked or is cut: put a new one where cluster.network.authKey says"
        case .keyEnded: "the auth key has ended: put a new one where cluster.network.authKey says"
        case .keyKind: "this is no key that joins machines: make an auth key, or an OAuth client with the scope auth_keys"
        case .tagsMissing: "an OAuth client secret needs cluster.network.tags"
        case .tagsRefused:
            "name the tags of cluster.network.tags in tagOwners of the tailnet's policy, and give them to the key or the OAuth client"
        case .approvalNeeded: "approve the machine in the tailnet's admin console, or use a pre-approved key; then run again"
        }
    }
}
