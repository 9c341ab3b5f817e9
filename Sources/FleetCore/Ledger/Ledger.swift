package import K3s

/// What cannot be observed and must survive the process. Kept small: everything else is derived on every pass. Only the files of this folder
/// change it.
package struct Ledger: Sendable, Hashable, Codable {
    /// Shape of the file; a newer one is refused, an older one migrated (`LedgerShape`).
    package static let schema = 2

    package var schema = Ledger.schema
    package var cluster: String
    /// Random, written to every host; a host of another cluster is refused by it.
    package var clusterID: String
    package var clusterCIDR: String
    package var serviceCIDR: String
    /// Values of the servers' configuration that are fixed as well (`FoundingValues`); nil in a ledger of before December 2026.
    package var founding: [String: ConfigValue]?
    /// Values that must be the same on all servers (`CriticalValues`), as they were last configured; nil in a ledger of before December 2026.
    package var critical: [String: ConfigValue]?
    /// The server that was told to found the cluster. Set before the start is sent and never unset: a second founding is a second cluster.
    package var founder: String?
    /// sha256 of the cluster's CA certificate, once observed.
    package var caHash: String?
    /// When a server was last started, stopped or taken out of the cluster (seconds since 1970): etcd elects a leader after it.
    package var serverChangedAt: Double?
    /// sha256 of the k3s binary by release tag, as first verified: every later host must stage the same bytes.
    package var digests: [String: String] = [:]
    /// The last copy of the datastore; nil in a ledger of before December 2026.
    package var snapshot: Snapshot?
    /// Nodes that are made again, or were, by name; nil in a ledger of before December 2026.
    package var replacements: [String: Replacement]?
    /// By name.
    package var nodes: [String: NodeRecord] = [:]
    package var attempts: [String: Attempt] = [:]

    package init(cluster: String, clusterID: String, clusterCIDR: String, serviceCIDR: String) {
        (self.cluster, self.clusterID) = (cluster, clusterID)
        (self.clusterCIDR, self.serviceCIDR) = (clusterCIDR, serviceCIDR)
    }

    /// A step on a node that failed.
    package struct Attempt: Sendable, Hashable, Codable {
        /// In a row.
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

    /// Until a server is told to found the cluster, its ranges are those of the file; from then on nobody can change them. What an older ledger
    /// does not tell of the founding is taken for what the file asks now.
    package func ranged(as cluster: DesiredCluster) -> Ledger {
        var ledger = self
        if ledger.founding == nil || (founder == nil && caHash == nil) { ledger.founding = FoundingValues.of(cluster.serverConfig) }
        if ledger.critical == nil { ledger.critical = CriticalValues.of(cluster.serverConfig, disable: cluster.disable) }
        guard founder == nil, caHash == nil else { return ledger }
        (ledger.clusterCIDR, ledger.serviceCIDR) = (cluster.clusterCIDR.description, cluster.serviceCIDR.description)
        return ledger
    }

    /// Whether a server that answered was set up under this ledger. One without a mark is ours if it was us who founded a cluster.
    package func hasMarked(_ reading: ClusterReading) -> Bool { reading.clusterID.map { $0 == clusterID } ?? (founder != nil) }
}
