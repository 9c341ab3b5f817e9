extension ClusterModel {
    /// `coordination.k8s.io/v1`, as far as it is used.
    package struct Lease: Codable, Sendable, Equatable {
        /// Every write raises it; a write that names an older one is refused.
        package internal(set) var version = 0
        package var holder: String
        /// Seconds since 1970 by the server's clock.
        package var renewedAt: Double
        package var seconds: Int
        /// `leaseTransitions`.
        package var number: Int

        package init(holder: String, renewedAt: Double, seconds: Int, number: Int) {
            (self.holder, self.renewedAt, self.seconds, self.number) = (holder, renewedAt, seconds, number)
        }

        /// How long nobody else may take it.
        package func left(now: Double) -> Double { renewedAt + Double(seconds) - now }
    }

    private static let leaseKind = "leases.coordination.k8s.io"

    package func lease(_ name: String) throws(Failure) -> Lease {
        guard let lease = leases[name] else { throw .notFound(kind: Self.leaseKind, name) }
        return lease
    }

    package mutating func create(_ lease: Lease, as name: String) throws(Failure) {
        guard leases[name] == nil else { throw .alreadyExists(kind: Self.leaseKind, name) }
        write(lease, as: name, version: 1)
    }

    /// `version`: that of the one it replaces, when that matters.
    package mutating func replace(_ lease: Lease, as name: String, version: Int?) throws(Failure) {
        let last = try self.lease(name)
        if let version, version != last.version { throw .conflict(kind: Self.leaseKind, name) }
        write(lease, as: name, version: last.version + 1)
    }

    private mutating func write(_ lease: Lease, as name: String, version: Int) {
        var lease = lease
        lease.version = version
        leases[name] = lease
    }
}
