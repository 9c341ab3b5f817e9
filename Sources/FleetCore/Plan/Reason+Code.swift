import K3s

extension Reason {
    /// The stable name of a reason, CamelCase as the reasons of Kubernetes' conditions: in the JSON of plans and status, in conditions, in tests.
    package enum Code: String, Sendable, Hashable, CaseIterable, Codable {
        case vmMissing = "VMMissing"
        case vmStopped = "VMStopped"
        case hostUnprepared = "HostUnprepared"
        case k3sNotInstalled = "K3sNotInstalled"
        case identityStale = "IdentityStale"
        case installInterrupted = "InstallInterrupted"
        case nodeNotRegistered = "NodeNotRegistered"
        case labelsOrTaintsDiffer = "LabelsOrTaintsDiffer"
        case tagsDiffer = "TagsDiffer"
        case commentDiffers = "CommentDiffers"
        case sharingDiffers = "SharingDiffers"
        case wantedAgain = "WantedAgain"
        case configurationNotRecorded = "ConfigurationNotRecorded"
        case installOutcomeUnknown = "InstallOutcomeUnknown"
        case configurationChanged = "ConfigurationChanged"
        case hostDrifted = "HostDrifted"
        case k3sStopped = "K3sStopped"
        case notInFleetFile = "NotInFleetFile"
        case podsLeft = "PodsLeft"
        case removalUnfinished = "RemovalUnfinished"
        case nodeWithoutVM = "NodeWithoutVM"
        case fleetDestroyed = "FleetDestroyed"
        case upgradeDue = "UpgradeDue"
        case upgradeDidNotComeUp = "UpgradeDidNotComeUp"
        case maintenanceOver = "MaintenanceOver"
        case entranceChanged = "EntranceChanged"
        case datastoreChanged = "DatastoreChanged"
        case replacementRequested = "ReplacementRequested"
        case nodeDead = "NodeDead"
        case imageDiffers = "ImageDiffers"
        case sizeDiffers = "SizeDiffers"
        case sizeAwaitsRestart = "SizeAwaitsRestart"
        case awaitingVMList = "AwaitingVMList"
        case awaitingNewVMList = "AwaitingNewVMList"
        case awaitingSecondVMList = "AwaitingSecondVMList"
        case awaitingProbe = "AwaitingProbe"
        case awaitingClusterRead = "AwaitingClusterRead"
        case awaitingShareProbe = "AwaitingShareProbe"
        case hostUnreachable = "HostUnreachable"
        case createOutcomeUnknown = "CreateOutcomeUnknown"
        case commandOutcomeUnknown = "CommandOutcomeUnknown"
        case vmStarting = "VMStarting"
        case vmNotRunning = "VMNotRunning"
        case hostBooting = "HostBooting"
        case controlPlaneNotReady = "ControlPlaneNotReady"
        case fleetWithoutServer = "FleetWithoutServer"
        case removalNeedsControlPlane = "RemovalNeedsControlPlane"
        case cleanupNeedsControlPlane = "CleanupNeedsControlPlane"
        case nodeMayStillJoin = "NodeMayStillJoin"
        case vmRemovalUnconfirmed = "VMRemovalUnconfirmed"
        case nodeRemovalUnconfirmed = "NodeRemovalUnconfirmed"
        case nodeAliveWithoutVM = "NodeAliveWithoutVM"
        case nodeSilenceUnconfirmed = "NodeSilenceUnconfirmed"
        case backOff = "BackOff"
        case k3sJoining = "K3sJoining"
        case restartUnconfirmed = "RestartUnconfirmed"
        case nodeDeleting = "NodeDeleting"
        case nodeNotReady = "NodeNotReady"
        case nodeSilent = "NodeSilent"
        case limitReached = "LimitReached"
        case leaseExpiry = "LeaseExpiry"
        case upgradeAwaitsStaging = "UpgradeAwaitsStaging"
        case upgradeAwaitsServers = "UpgradeAwaitsServers"
        case upgradeAwaitsAgents = "UpgradeAwaitsAgents"
        case upgradeUnconfirmed = "UpgradeUnconfirmed"
        case sizeUnconfirmed = "SizeUnconfirmed"
        case shareProbeFails = "ShareProbeFails"
        case windowClosed = "WindowClosed"
        case fleetPaused = "FleetPaused"
        case memberNotVoting = "MemberNotVoting"
        case entranceInUse = "EntranceInUse"
        case limitHeld = "LimitHeld"
        case vmForeign = "VMForeign"
        case vmPaused = "VMPaused"
        case vmFailed = "VMFailed"
        case waitTimedOut = "WaitTimedOut"
        case hostRefused = "HostRefused"
        case hostMisrouted = "HostMisrouted"
        case hostOfOtherCluster = "HostOfOtherCluster"
        case serverOfOtherCluster = "ServerOfOtherCluster"
        case clusterCAChanged = "ClusterCAChanged"
        case serverVMGone = "ServerVMGone"
        case serverDataGone = "ServerDataGone"
        case serverNotRegistered = "ServerNotRegistered"
        case k3sDidNotJoin = "K3sDidNotJoin"
        case k3sFails = "K3sFails"
        case drainBlocked = "DrainBlocked"
        case downgrade = "Downgrade"
        case upgradeSkipsMinor = "UpgradeSkipsMinor"
        case upgradeFailed = "UpgradeFailed"
        case upgradeStopped = "UpgradeStopped"
        case upgradeControllerAtWork = "UpgradeControllerAtWork"
        case snapshotMissing = "SnapshotMissing"
        case agentAheadOfServer = "AgentAheadOfServer"
        case roleChanged = "RoleChanged"
        case networkRangesChanged = "NetworkRangesChanged"
        case credentialMissing = "CredentialMissing"
        case overlayRefused = "OverlayRefused"
        case hostDriftsAgain = "HostDriftsAgain"
        case labelsChangeAgain = "LabelsChangeAgain"
        case foreignConfiguration = "ForeignConfiguration"
        case foundingValuesChanged = "FoundingValuesChanged"
        case criticalValuesChanged = "CriticalValuesChanged"
        case diskNotShrinkable = "DiskNotShrinkable"
        case diskAwaitsApproval = "DiskAwaitsApproval"
        case resizeIneffective = "ResizeIneffective"
        case actionRefused = "ActionRefused"
        case actionNotApproved = "ActionNotApproved"
        case vmsNotListed = "VMsNotListed"
        case vmExists = "VMExists"
        case vmNotListed = "VMNotListed"
        case vmLimitExceeded = "VMLimitExceeded"
        case vmsVanished = "VMsVanished"
        case foundedElsewhere = "FoundedElsewhere"
        case serverNotRemovable = "ServerNotRemovable"
        case quorumAtRisk = "QuorumAtRisk"
        case notInLedger = "NotInLedger"
        case controlPlaneBlocked = "ControlPlaneBlocked"
        case leaseUnavailable = "LeaseUnavailable"
        case leaseHeld = "LeaseHeld"
        case serversUnsettled = "ServersUnsettled"
        case ghostMembers = "GhostMembers"
        case serverMemberLeft = "ServerMemberLeft"
        case quorumLost = "QuorumLost"
        case nodeDeadForGood = "NodeDeadForGood"
        case massSilence = "MassSilence"
        case replacedLately = "ReplacedLately"
        case imageChanged = "ImageChanged"
        case nodeStays = "NodeStays"
        case podNetworkDown = "PodNetworkDown"
        case overlayLockedOut = "OverlayLockedOut"
        case overlayNameTaken = "OverlayNameTaken"
        case pruneDisabled = "PruneDisabled"
        case pruneDisabledForNode = "PruneDisabledForNode"
        case nodeOutlivesVM = "NodeOutlivesVM"
    }

    package var code: Code {
        switch self {
        case .vmMissing: .vmMissing
        case .vmStopped: .vmStopped
        case .hostUnprepared: .hostUnprepared
        case .k3sNotInstalled: .k3sNotInstalled
        case .identityStale: .identityStale
        case .installInterrupted: .installInterrupted
        case .nodeNotRegistered: .nodeNotRegistered
        case .labelsOrTaintsDiffer: .labelsOrTaintsDiffer
        case .tagsDiffer: .tagsDiffer
        case .commentDiffers: .commentDiffers
        case .sharingDiffers: .sharingDiffers
        case .wantedAgain: .wantedAgain
        case .configurationNotRecorded: .configurationNotRecorded
        case .installOutcomeUnknown: .installOutcomeUnknown
        case .configurationChanged: .configurationChanged
        case .hostDrifted: .hostDrifted
        case .k3sStopped: .k3sStopped
        case .notInFleetFile: .notInFleetFile
        case .podsLeft: .podsLeft
        case .removalUnfinished: .removalUnfinished
        case .nodeWithoutVM: .nodeWithoutVM
        case .fleetDestroyed: .fleetDestroyed
        case .upgradeDue: .upgradeDue
        case .upgradeDidNotComeUp: .upgradeDidNotComeUp
        case .maintenanceOver: .maintenanceOver
        case .entranceChanged: .entranceChanged
        case .datastoreChanged: .datastoreChanged
        case .replacementRequested: .replacementRequested
        case .nodeDead: .nodeDead
        case .imageDiffers: .imageDiffers
        case .sizeDiffers: .sizeDiffers
        case .sizeAwaitsRestart: .sizeAwaitsRestart
        case .awaitingVMList: .awaitingVMList
        case .awaitingNewVMList: .awaitingNewVMList
        case .awaitingSecondVMList: .awaitingSecondVMList
        case .awaitingProbe: .awaitingProbe
        case .awaitingClusterRead: .awaitingClusterRead
        case .awaitingShareProbe: .awaitingShareProbe
        case .hostUnreachable: .hostUnreachable
        case .createOutcomeUnknown: .createOutcomeUnknown
        case .commandOutcomeUnknown: .commandOutcomeUnknown
        case .vmStarting: .vmStarting
        case .vmNotRunning: .vmNotRunning
        case .hostBooting: .hostBooting
        case .controlPlaneNotReady: .controlPlaneNotReady
        case .fleetWithoutServer: .fleetWithoutServer
        case .removalNeedsControlPlane: .removalNeedsControlPlane
        case .cleanupNeedsControlPlane: .cleanupNeedsControlPlane
        case .nodeMayStillJoin: .nodeMayStillJoin
        case .vmRemovalUnconfirmed: .vmRemovalUnconfirmed
        case .nodeRemovalUnconfirmed: .nodeRemovalUnconfirmed
        case .nodeAliveWithoutVM: .nodeAliveWithoutVM
        case .nodeSilenceUnconfirmed: .nodeSilenceUnconfirmed
        case .backOff: .backOff
        case .k3sJoining: .k3sJoining
        case .restartUnconfirmed: .restartUnconfirmed
        case .nodeDeleting: .nodeDeleting
        case .nodeNotReady: .nodeNotReady
        case .nodeSilent: .nodeSilent
        case .limitReached: .limitReached
        case .leaseExpiry: .leaseExpiry
        case .upgradeAwaitsStaging: .upgradeAwaitsStaging
        case .upgradeAwaitsServers: .upgradeAwaitsServers
        case .upgradeAwaitsAgents: .upgradeAwaitsAgents
        case .upgradeUnconfirmed: .upgradeUnconfirmed
        case .sizeUnconfirmed: .sizeUnconfirmed
        case .shareProbeFails: .shareProbeFails
        case .windowClosed: .windowClosed
        case .fleetPaused: .fleetPaused
        case .memberNotVoting: .memberNotVoting
        case .entranceInUse: .entranceInUse
        case .limitHeld: .limitHeld
        case .vmForeign: .vmForeign
        case .vmPaused: .vmPaused
        case .vmFailed: .vmFailed
        case .waitTimedOut: .waitTimedOut
        case .hostRefused: .hostRefused
        case .hostMisrouted: .hostMisrouted
        case .hostOfOtherCluster: .hostOfOtherCluster
        case .serverOfOtherCluster: .serverOfOtherCluster
        case .clusterCAChanged: .clusterCAChanged
        case .serverVMGone: .serverVMGone
        case .serverDataGone: .serverDataGone
        case .serverNotRegistered: .serverNotRegistered
        case .k3sDidNotJoin: .k3sDidNotJoin
        case .k3sFails: .k3sFails
        case .drainBlocked: .drainBlocked
        case .downgrade: .downgrade
        case .upgradeSkipsMinor: .upgradeSkipsMinor
        case .upgradeFailed: .upgradeFailed
        case .upgradeStopped: .upgradeStopped
        case .upgradeControllerAtWork: .upgradeControllerAtWork
        case .snapshotMissing: .snapshotMissing
        case .agentAheadOfServer: .agentAheadOfServer
        case .roleChanged: .roleChanged
        case .networkRangesChanged: .networkRangesChanged
        case .credentialMissing: .credentialMissing
        case .overlayRefused: .overlayRefused
        case .hostDriftsAgain: .hostDriftsAgain
        case .labelsChangeAgain: .labelsChangeAgain
        case .foreignConfiguration: .foreignConfiguration
        case .foundingValuesChanged: .foundingValuesChanged
        case .criticalValuesChanged: .criticalValuesChanged
        case .diskNotShrinkable: .diskNotShrinkable
        case .diskAwaitsApproval: .diskAwaitsApproval
        case .resizeIneffective: .resizeIneffective
        case .actionRefused: .actionRefused
        case .actionNotApproved: .actionNotApproved
        case .vmsNotListed: .vmsNotListed
        case .vmExists: .vmExists
        case .vmNotListed: .vmNotListed
        case .vmLimitExceeded: .vmLimitExceeded
        case .vmsVanished: .vmsVanished
        case .foundedElsewhere: .foundedElsewhere
        case .serverNotRemovable: .serverNotRemovable
        case .quorumAtRisk: .quorumAtRisk
        case .notInLedger: .notInLedger
        case .controlPlaneBlocked: .controlPlaneBlocked
        case .leaseUnavailable: .leaseUnavailable
        case .leaseHeld: .leaseHeld
        case .podNetworkDown: .podNetworkDown
        case .overlayLockedOut: .overlayLockedOut
        case .overlayNameTaken: .overlayNameTaken
        case .serversUnsettled: .serversUnsettled
        case .ghostMembers: .ghostMembers
        case .serverMemberLeft: .serverMemberLeft
        case .quorumLost: .quorumLost
        case .nodeDeadForGood: .nodeDeadForGood
        case .massSilence: .massSilence
        case .replacedLately: .replacedLately
        case .imageChanged: .imageChanged
        case .nodeStays: .nodeStays
        case .pruneDisabled: .pruneDisabled
        case .pruneDisabledForNode: .pruneDisabledForNode
        case .nodeOutlivesVM: .nodeOutlivesVM
        }
    }
}
