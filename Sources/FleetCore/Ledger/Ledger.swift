package import K3s

/// What cannot be observed and must survive the process. Kept small: everything else is derived on every pass.
package struct Ledger: Sendable, Hashable, Codable {
    /// Shape of this file; a newer one is refused.
    package static let schema = 1

    package var schema = Ledger.schema
    package var cluster: String
    /// Random, written to every host; a host of another cluster is refused by it.
    package var clusterID: String
    package var clusterCIDR: String
    package var serviceCIDR: String
    /// The server that was told to found the cluster. Set before the start is sent and never unset: a second founding is a second cluster.
    package var founder: String?
    /// sha256 of the cluster's CA certificate, once seen.
    package var caHash: String?
    /// sha256 of the k3s binary by release tag, as first verified: every later host must stage the same bytes.
    package var digests: [String: String] = [:]
    package var vms: [String: VMRecord] = [:]
    package var attempts: [String: Attempt] = [:]

    package init(cluster: String, clusterID: String, clusterCIDR: String, serviceCIDR: String) {
        (self.cluster, self.clusterID) = (cluster, clusterID)
        (self.clusterCIDR, self.serviceCIDR) = (clusterCIDR, serviceCIDR)
    }

    /// What is remembered of one VM.
    package typealias VMRecord = Shared<RecordFields>

    /// What a `VMRecord` holds.
    package struct RecordFields: Sendable, Hashable, Codable {
        /// When `new` was sent (seconds since 1970) while its outcome is not known; nil once the VM was seen.
        package var creating: Double?
        /// The VM is fresh from our hands: a node password under its name in the cluster is a leftover of an earlier VM.
        package var hasStaleIdentity = false
        /// What exe.dev said of its creation; another value under the same name is another machine.
        package var createdAt: String?
        /// The same of the machine before it, which an old list may still show.
        package var former: String?
        /// Since when exe.dev's lists lack it (seconds since 1970). One list may be old or partial, so the record stays for a while.
        package var missingSince: Double?
        /// When k3s was last told to start there.
        package var started: Double?
        /// When exe.dev was last told to start the VM, which had stopped (seconds since 1970).
        package var poweredOn: Double?
        /// When k3s was started once more because the cluster lacked its node; nil once it has it.
        package var rejoined: Double?
        /// Hash of the k3s configuration that was last installed; `unknownConfig` while the outcome of an install is not known.
        package var config: String?
        package var removal: RemovalStep?
        /// When exe.dev said that it removed the VM, on which k3s may have run until then (seconds since 1970): it may have joined once more at the
        /// last moment, so the record stays until the cluster, read later than that, lacks its node.
        package var removed: Double?
        /// Sharing as it was read back after it was set.
        package var share: Share?
        /// While that is not known: whom we may have let in.
        package var invited: [String]?

        package init() {}
    }

    /// How far a removal is known to have come.
    package enum RemovalStep: String, Sendable, Hashable, Codable {
        /// The drain was sent: the node may be cordoned.
        case begun
        case drained, stopped, nodeDeleted
        /// The file asks for it again and k3s was told to start: only the cordon is left of the removal.
        case returning
    }

    package struct Attempt: Sendable, Hashable, Codable {
        package var count: Int
        /// Seconds since 1970.
        package var notBefore: Double
        /// When it failed; later than now when the clock was set back since.
        package var failedAt: Double?
        package var failure: String

        package init(count: Int, notBefore: Double, failure: String, failedAt: Double? = nil) {
            (self.count, self.notBefore, self.failure, self.failedAt) = (count, notBefore, failure, failedAt)
        }
    }
}

extension Ledger.VMRecord {
    /// Stands for the configuration while nobody knows which one is there; no hash is like it.
    package static let unknownConfig = ""

    /// Of what the ledger does not know.
    package static let empty = Ledger.VMRecord()

    package init() { self.init(Ledger.RecordFields()) }

    /// A removal was begun, and its node and password are not known to be gone.
    package var isHalfRemoved: Bool { [.begun, .drained, .stopped].contains(self.removal) }

    /// Of a machine that is new to its name. `former`: when the one before was made, if there was one.
    package init(after former: String?) {
        var fields = Ledger.RecordFields()
        (fields.hasStaleIdentity, fields.former) = (true, former)
        self.init(fields)
    }

    /// The VM of this record is gone; only its node may be there.
    package func removed(at now: Double) -> Ledger.VMRecord {
        var fields = Ledger.RecordFields()
        (fields.createdAt, fields.removal, fields.removed) = (self.createdAt, .nodeDeleted, now)
        return Ledger.VMRecord(fields)
    }

    /// Whom we have let in, or may have; in lower case, which earlier versions did not write.
    package var guests: [String] {
        guard self.share?.users.isEmpty == false || self.invited?.isEmpty == false else { return [] }
        return Set(((self.share?.users ?? []) + (self.invited ?? [])).map { $0.lowercased() }).sorted()
    }

    /// The VM was seen and exe.dev did not say that it is gone, or it was asked for.
    package var isOccupant: Bool { self.creating != nil || (self.createdAt != nil && self.removed == nil) }
}

extension Ledger {
    /// Nothing came of a creation. A record that says nothing else goes.
    package mutating func creationEnded(_ name: String) {
        vms[name]?.creating = nil
        if vms[name]?.former == vms[name]?.createdAt { vms[name]?.former = nil }
        if vms[name]?.createdAt == nil { vms[name]?.missingSince = nil }
        if vms[name] == .empty { vms[name] = nil }
    }

    /// Until a server is told to found the cluster, its ranges are those of the file; from then on nobody can change them.
    package func ranged(as cluster: DesiredCluster) -> Ledger {
        guard founder == nil, caHash == nil else { return self }
        var ledger = self
        (ledger.clusterCIDR, ledger.serviceCIDR) = (cluster.clusterCIDR.description, cluster.serviceCIDR.description)
        return ledger
    }

    /// Whether a server that answered was set up under this ledger. One without a mark is ours if it was us who founded a cluster.
    package func hasMarked(_ reading: ClusterReading) -> Bool { reading.clusterID.map { $0 == clusterID } ?? (founder != nil) }

    /// Of a ledger whose last write was lost: of what may have been done since and left no trace that can be seen the worst is assumed. `now`: seconds
    /// since 1970.
    package func doubted(at now: Double) -> Ledger {
        var ledger = self
        for (name, record) in vms {
            var record = record
            if record.config != nil { record.config = VMRecord.unknownConfig }
            (record.started, record.poweredOn) = (now, now)
            if record.removal == .stopped || record.removal == .nodeDeleted { record.removal = .drained }
            if record.share != nil || record.invited != nil { (record.invited, record.share) = (record.guests, nil) }
            ledger.vms[name] = record
        }
        return ledger
    }

    /// What was written by a clock that has been set back since was no later than now.
    package mutating func comeBack(to now: Double) {
        for (name, record) in vms {
            if let started = record.started, started > now { vms[name]?.started = now }
            if let creating = record.creating, creating > now { vms[name]?.creating = now }
            if let poweredOn = record.poweredOn, poweredOn > now { vms[name]?.poweredOn = now }
            if let removed = record.removed, removed > now { vms[name]?.removed = now }
        }
        for (name, attempt) in attempts {
            guard let failedAt = attempt.failedAt, failedAt > now else { continue }
            attempts[name]?.notBefore -= failedAt - now
            attempts[name]?.failedAt = now
        }
    }
}
