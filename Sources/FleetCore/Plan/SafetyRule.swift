import K3s

/// A rule that keeps harm away. The proof by simulation disables them one at a time to see that their absence is noticed; nothing else ever does.
package enum SafetyRule: String, Sendable, Hashable, CaseIterable {
    // Plan/Safety
    case ownershipIsSeen, creationFitsBudget, massLossIsNoReason, onlyOneFounding, serversStay, removalIsRecorded, quorumHolds, serversLead,
        snapshotFirst
    // Plan/Safety, of several servers
    case oneServerAtATime, membersGoFirst
    // Plan/Safety and Lifecycle/Replace
    case wantedStay
    // Plan/Death
    case twoWitnesses, restartFirst, massSilence
    // Plan/Limits
    case deletionsPerPass, maxUnavailable, maxVMs
    // Plan/Rollout
    case firstFailureStops
    // Lifecycle and Planner
    case foreignState, nodeAlive, secondList, commandGrace, backOff, lostServer,
        otherCluster, versionStays, clusterAnswersFirst, startGrace, drainedStays, flushFirst
    // Plan/Maintenance
    case window, pause
    // Reconciler
    case approval, outdatedRead, lease, fence, newHold
    // The hosts: K3s/HostScript+Fence
    case newestOrder

    /// Rules that forbid the same earlier or again, so that the absence of this one alone would not show.
    package var cover: Set<SafetyRule> {
        switch self {
        case .ownershipIsSeen: [.foreignState]
        case .foreignState: [.ownershipIsSeen]
        case .creationFitsBudget: [.maxVMs]
        case .maxVMs: [.creationFitsBudget]
        // One list alone makes nobody build a VM again: each of these asks somebody else too.
        case .secondList: [.clusterAnswersFirst]
        case .nodeAlive: [.secondList]
        // A member that is left is found when its VM is to be made again; a server that others need is not changed while they are not well.
        case .membersGoFirst: [.lostServer]
        case .quorumHolds: [.oneServerAtATime]
        case .outdatedRead: [.clusterAnswersFirst, .secondList]
        default: []
        }
    }
}
