import Foundation

/// Leases: read by jsonpath, written by manifest, guarded by the version as every object of Kubernetes is.
extension Kubectl {
    private struct Manifest: Decodable {
        struct Metadata: Decodable {
            var name: String
            var resourceVersion: String?
        }
        struct Spec: Decodable {
            var holderIdentity: String
            var leaseDurationSeconds: Int
            var renewTime: String
            var leaseTransitions: Int?
        }
        var kind: String
        var metadata: Metadata
        var spec: Spec
    }

    func lease(_ cluster: ClusterModel) throws(ClusterModel.Failure) -> Answer {
        if flags["--ignore-not-found"] != nil, cluster.leases[name] == nil { return Answer() }
        let lease = try cluster.lease(name)
        let fields = "{.metadata.resourceVersion}|{.spec.holderIdentity}|{.spec.leaseDurationSeconds}|{.spec.leaseTransitions}"
        guard flags["-o"] == "jsonpath=" + fields else { return .failed("error: this stand-in knows one jsonpath of a lease") }
        return Answer(output: "\(lease.version)|\(lease.holder)|\(lease.seconds)|\(lease.number)")
    }

    func put(_ cluster: inout ClusterModel) throws(ClusterModel.Failure) -> Answer {
        guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(input.utf8)), manifest.kind == "Lease",
            let renewedAt = Self.seconds(manifest.spec.renewTime)
        else { return .failed("error: this stand-in takes a Lease as JSON on standard input") }
        let (name, spec) = (manifest.metadata.name, manifest.spec)
        let lease = ClusterModel.Lease(
            holder: spec.holderIdentity, renewedAt: renewedAt, seconds: spec.leaseDurationSeconds, number: spec.leaseTransitions ?? 0)
        guard words.first == "replace" else {
            try cluster.create(lease, as: name)
            return .said("lease.coordination.k8s.io/\(name) created")
        }
        // No lease has the version of a text that is no number.
        try cluster.replace(lease, as: name, version: manifest.metadata.resourceVersion.map { Int($0) ?? -1 })
        return .said("lease.coordination.k8s.io/\(name) replaced")
    }

    /// With or without a fraction.
    private static func seconds(_ time: String) -> Double? {
        guard time.hasSuffix("Z") else { return nil }
        let halves = time.dropLast().split(separator: ".", maxSplits: 1).map(String.init)
        guard let first = halves.first, let whole = try? Date(first + "Z", strategy: .iso8601) else { return nil }
        let fraction = halves.count == 2 ? Double("0." + halves[1]) : 0
        return fraction.map { whole.timeIntervalSince1970 + $0 }
    }
}
