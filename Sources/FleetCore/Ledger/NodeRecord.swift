package import K3s

/// What is remembered of one node and its VM. A case carries exactly what exists in it.
package indirect enum NodeRecord: Sendable, Hashable {
    /// `new` was sent and its outcome is not known. A list that shows the VM leads to `present`, a failure back to what was there before.
    case requested(VMRequest)
    /// The VM was listed, or exe.dev said that it made it.
    case present(Instance)
    /// Its removal was begun.
    case leaving(Instance, LeaveStage)
    /// exe.dev said that it removed the VM. k3s may have run there until then and have joined once more at the last moment, so the record stays
    /// until the cluster, read later than that, lacks its node.
    case gone(RemovedInstance)
}

/// A `new` on its way.
package struct VMRequest: Sendable, Hashable {
    /// Seconds since 1970.
    package var sentAt: Double
    /// Since when exe.dev's lists lack the VM (seconds since 1970).
    package var missingSince: Double?
    /// What was asked for; nil in a ledger of before December 2026.
    package var spec: VMSpec?
    /// What the name stood for before; `present` or `gone`.
    package var previous: NodeRecord?

    package init(sentAt: Double, spec: VMSpec? = nil, previous: NodeRecord? = nil) {
        (self.sentAt, self.spec, self.previous) = (sentAt, spec, previous)
    }
}

/// One machine under a node's name. All times are seconds since 1970.
package struct Instance: Sendable, Hashable {
    /// What exe.dev said of its creation, verbatim; another value under the same name is another machine. Nil before it was listed.
    package var createdAt: String?
    /// The same of the machine before it, which an old list may still show.
    package var previousCreatedAt: String?
    /// What `new` was asked for, and the tags that we gave it since; of a VM that we did not make what the fleet file asked for when it was first
    /// listed. exe.dev need not show sizes in its list (facts/exedev.md §1.2).
    package var spec: VMSpec?
    /// The VM is fresh from our hands: a node password under its name in the cluster is an earlier VM's.
    package var hasStaleIdentity = false
    /// Since when exe.dev's lists lack it. One list may be old or partial, so the record stays for a while.
    package var missingSince: Double?
    /// When k3s was last told to start there.
    package var startedAt: Double?
    /// Its Node was in the cluster then, and nothing has shown since that k3s came up again.
    package var isRestarting = false
    /// When exe.dev was last told to start the VM, which had stopped.
    package var poweredOnAt: Double?
    /// When k3s was started once more because the cluster lacked its node; nil once it has it.
    package var restartedAt: Double?
    /// When a command other than `new` was sent to exe.dev for it, whose answer is not known: it may still be carried out.
    package var commandSentAt: Double?
    /// Of a removal or a maintenance whose drain has not come to its end.
    package var drain: DrainProgress?
    package var maintenance: Maintenance?
    package var failedUpgrade: FailedUpgrade?
    package var resize: ResizeRecord?
    /// Since when exe.dev's lists tell another size than the VM has by our doing (seconds since 1970).
    package var otherSizeSince: Double?
    /// What exe.dev's list told when it first showed the VM in the size of `spec`: as long as it tells that, nobody has resized the VM, in whatever
    /// units it counts.
    package var listedSize: VMFields.Size?
    package var configuration = Configuration.notRecorded
    /// k3s was set up there as a server, which votes in etcd, or is to.
    package var isServer = false
    /// Which way into the cluster its configuration names (`NodeSetup.entrance`); nil in a ledger of before December 2026.
    package var entrance: String?
    package var sharing = Sharing.notSet

    package init(createdAt: String? = nil) { self.createdAt = createdAt }

    /// A machine that is new to its name. `previous`: when the one before was created, if there was one. `spec`: as we asked for it.
    package init(after previous: String?, spec: VMSpec? = nil) {
        (hasStaleIdentity, previousCreatedAt, self.spec) = (true, previous, spec)
    }
}

/// A drain that left pods. Times are seconds since 1970.
package struct DrainProgress: Sendable, Hashable, Codable {
    /// When it was first tried.
    package var since: Double
    /// When it was last tried.
    package var triedAt: Double
    package var hindrance: DrainHindrance

    package init(since: Double, triedAt: Double, hindrance: DrainHindrance) {
        (self.since, self.triedAt, self.hindrance) = (since, triedAt, hindrance)
    }
}

/// A machine that is gone.
package struct RemovedInstance: Sendable, Hashable {
    package var createdAt: String?
    /// Seconds since 1970.
    package var removedAt: Double

    package init(createdAt: String?, removedAt: Double) { (self.createdAt, self.removedAt) = (createdAt, removedAt) }
}

/// How k3s is configured on a node, as far as this ledger knows.
package enum Configuration: Sendable, Hashable {
    /// This ledger has not installed it.
    case notRecorded
    /// The outcome of the last install is not known.
    case unknown
    /// Of what it means (`NodeSetup.meaning`), so that another comment in the file is no change.
    case digest(String)
}

/// How a VM is shared by us.
package enum Sharing: Sendable, Hashable {
    case notSet
    /// As it was read back after it was set.
    case known(Share)
    /// A change is on its way or its outcome is lost: users that we may have granted access.
    case uncertain(grants: [String])

    package var share: Share? { if case .known(let share) = self { share } else { nil } }

    /// Users that we have granted access, or may have; in lower case, which earlier versions did not write.
    package var grants: [String] {
        let users =
            switch self {
            case .notSet: [String]()
            case .known(let share): share.users
            case .uncertain(let grants): grants
            }
        return Set(users.map { $0.lowercased() }).sorted()
    }
}

/// How far a removal is known to have come.
package enum LeaveStage: String, Sendable, Hashable, Codable {
    /// Its removal was begun: the node may be cordoned, and pods may run on it.
    case begun
    case drained, stopped, nodeDeleted
    /// The file asks for it again and k3s was told to start: only the cordon is left of the removal.
    case returning
}

// MARK: what rules ask for

extension NodeRecord {
    /// The machine that bears the name, or bore it before a `new` that is on its way.
    package var instance: Instance? {
        switch self {
        case .requested(let request): request.previous?.instance
        case .present(let instance), .leaving(let instance, _): instance
        case .gone: nil
        }
    }

    package var request: VMRequest? { if case .requested(let request) = self { request } else { nil } }

    package var createdAt: String? {
        switch self {
        case .requested(let request): request.previous?.createdAt
        case .present(let instance), .leaving(let instance, _): instance.createdAt
        case .gone(let gone): gone.createdAt
        }
    }

    /// Of the machine before the one that bears the name, or is on its way; nil when its end is known.
    package var previousCreatedAt: String? {
        switch self {
        case .requested(let request): request.previous?.instance?.createdAt
        case .present(let instance), .leaving(let instance, _): instance.previousCreatedAt
        case .gone: nil
        }
    }

    package var missingSince: Double? {
        switch self {
        case .requested(let request): request.missingSince
        case .present(let instance), .leaving(let instance, _): instance.missingSince
        case .gone: nil
        }
    }

    package var leaveStage: LeaveStage? {
        switch self {
        case .requested, .present: nil
        case .leaving(_, let stage): stage
        case .gone: .nodeDeleted
        }
    }

    /// When exe.dev said that it removed the machine of this name.
    package var removedAt: Double? {
        switch self {
        case .requested(let request): request.previous?.removedAt
        case .present, .leaving: nil
        case .gone(let gone): gone.removedAt
        }
    }

    /// The VM was listed and exe.dev did not say that it is gone, or it was asked for: it counts against `limits.maxVMs`.
    package var isOccupant: Bool {
        switch self {
        case .requested: true
        case .present(let instance), .leaving(let instance, _): instance.createdAt != nil
        case .gone: false
        }
    }

    /// A removal was begun, and its node and password are not known to be gone.
    package var isHalfRemoved: Bool {
        if case .leaving(_, let stage) = self { [.begun, .drained, .stopped].contains(stage) } else { false }
    }

    package var configuration: Configuration { instance?.configuration ?? .notRecorded }
    package var sharing: Sharing { instance?.sharing ?? .notSet }
}
