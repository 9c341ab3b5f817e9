/// The checks of `exedev-k8s doctor`, in their order. Reasons and errors of exe.dev name the ones that look closer at them.
package enum DoctorCheck: String, Sendable, Hashable, CaseIterable {
    case fleetFile = "fleet-file"
    /// The state directory and its ledger.
    case state
    case programs
    /// What the API token says of itself.
    case token
    /// The address of exe.dev's API.
    case endpoint
    case api, clock
    /// Whether the token's key is on the account.
    case account
    /// Whether the token may run what the fleet needs.
    case permissions
    case limits
    /// The account's VMs against what the fleet file asks for.
    case quota
    case sshKey = "ssh-key"
    /// What vouches for the hosts' keys.
    case hostKey = "host-key"
    /// Those that hosts need.
    case secrets
    case hosts, overlay
    /// The way to the servers' port 6443.
    case apiServer = "api-server"
    /// What VMs answer behind exe.dev's HTTPS proxy.
    case shareProbe = "share-probe"
    /// What blocks the plan, or is waited for in vain.
    case plan
}

extension Reason.Code {
    /// The check that looks closer at a reason that blocks; nil for one that does not block, and for what no check can see.
    package var doctorCheck: DoctorCheck? {
        switch self {
        case .limitHeld, .vmLimitExceeded, .vmsVanished, .vmsNotListed, .vmNotListed, .vmExists, .vmForeign, .notInLedger:
            .quota
        case .actionRefused, .diskAwaitsApproval, .resizeIneffective: .api
        case .downgrade, .upgradeSkipsMinor, .agentAheadOfServer, .roleChanged, .networkRangesChanged, .foundingValuesChanged,
            .criticalValuesChanged, .diskNotShrinkable, .imageChanged, .serverNotRemovable, .nodeStays, .pruneDisabled,
            .pruneDisabledForNode,
            .fleetWithoutServer:
            .fleetFile
        case .hostRefused, .hostMisrouted, .hostOfOtherCluster, .serverOfOtherCluster, .waitTimedOut, .k3sDidNotJoin, .k3sFails,
            .hostDriftsAgain,
            .vmPaused, .vmFailed, .foreignConfiguration, .upgradeFailed, .nodeDeadForGood, .massSilence, .replacedLately, .serverDataGone,
            .serverVMGone:
            .hosts
        case .credentialMissing: .secrets
        case .overlayRefused, .overlayLockedOut, .overlayNameTaken, .podNetworkDown: .overlay
        case .clusterCAChanged, .serverNotRegistered, .controlPlaneBlocked, .leaseUnavailable, .quorumAtRisk, .quorumLost,
            .serversUnsettled,
            .ghostMembers, .serverMemberLeft, .upgradeStopped, .upgradeControllerAtWork, .snapshotMissing, .drainBlocked,
            .labelsChangeAgain,
            .nodeOutlivesVM, .removalNeedsControlPlane, .cleanupNeedsControlPlane, .controlPlaneNotReady:
            .apiServer
        case .awaitingShareProbe, .shareProbeFails: .shareProbe
        case .leaseHeld, .foundedElsewhere, .actionNotApproved: .state
        default: nil
        }
    }
}
