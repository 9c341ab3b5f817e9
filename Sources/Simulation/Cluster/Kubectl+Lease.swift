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
        }
        var kind: String
        var metadata: Metadata
        var spec: Spec
    }

    func lease(_ cluster: ClusterModel) -> Answer {
        guard let lease = cluster.leases[name] else {
            return flags["--ignore-not-found"] != nil ? Answer() : .notFound("leases.coordination.k8s.io", name)
        }
        let fields = "{.metadata.resourceVersion}|{.spec.holderIdentity}|{.spec.renewTime}|{.spec.leaseDurationSeconds}"
        guard flags["-o"] == "jsonpath=" + fields else { return .failed("error: this stand-in knows one jsonpath of a lease") }
        return Answer(output: "\(lease.version)|\(lease.holder)|\(lease.renewTime)|\(lease.seconds)")
    }

    func put(_ cluster: inout ClusterModel) -> Answer {
        guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(input.utf8)), manifest.kind == "Lease" else {
            return .failed("error: this stand-in takes a Lease as JSON on standard input")
        }
        let (name, known) = (manifest.metadata.name, cluster.leases[manifest.metadata.name])
        if words.first == "create", known != nil {
            return .failed("Error from server (AlreadyExists): leases.coordination.k8s.io \"\(name)\" already exists")
        }
        if words.first == "replace" {
            guard let known else { return .notFound("leases.coordination.k8s.io", name) }
            if let asked = manifest.metadata.resourceVersion, asked != String(known.version) {
                return .failed(
                    "Error from server (Conflict): Operation cannot be fulfilled on leases.coordination.k8s.io \"\(name)\": the object has been "
                        + "modified; please apply your changes to the latest version and try again")
            }
        }
        cluster.leases[name] = ClusterModel.Lease(
            version: (known?.version ?? 0) + 1, holder: manifest.spec.holderIdentity, renewTime: manifest.spec.renewTime,
            seconds: manifest.spec.leaseDurationSeconds)
        return .said("lease.coordination.k8s.io/\(name) \(words.first == "create" ? "created" : "replaced")")
    }
}
