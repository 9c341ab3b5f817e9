/// What this machine has of the secrets that hosts need, without their texts.
package struct Credentials: Sendable, Hashable {
    /// Why no host could be taken into the fleet now; nil when nothing is missing.
    package var missing: Reason?
    /// A keyed digest of the secrets of `cluster.registries`; nil when one of them cannot be read, which `missing` says.
    package var registries: String?

    package init(missing: Reason? = nil, registries: String? = "") { (self.missing, self.registries) = (missing, registries) }
}

extension FleetFacts {
    /// Why no host could be taken into the fleet now.
    var missingCredential: Reason? { credentials.missing }

    /// How k3s is to be configured cannot be told.
    var missingRegistrySecret: Reason? { credentials.registries == nil ? credentials.missing : nil }
}
