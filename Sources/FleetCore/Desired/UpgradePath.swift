package import K3s

/// The releases through which a cluster passes on its way to the one that the file asks for.
package struct UpgradePath: Sendable, Hashable {
    /// `cluster.upgradePath`, in rising order.
    package var stops: [K3sVersion]

    package init(_ stops: [K3sVersion] = []) { self.stops = stops }

    package enum Hop: Sendable, Hashable {
        case release(K3sVersion)
        /// The stops have no release of this minor, such as `v1.35`.
        case missing(minor: String)
    }

    /// What follows `version` on the way to `goal`: every stop in between, and no minor is left out (facts/k3s.md §10). Nil at the goal and beyond.
    package func hop(from version: K3sVersion, to goal: K3sVersion) -> Hop? {
        guard version < goal else { return nil }
        let next = stops.first { version < $0 && $0 < goal } ?? goal
        guard next.major == version.major, next.minor <= version.minor + 1 else {
            return .missing(minor: "v\(version.major).\(version.minor + 1)")
        }
        return .release(next)
    }
}
