import Daemon
import FleetCore
import FoundationEssentials
import K3s
import Live

/// `status` when the fleet file has errors: what can be known without it. The file's problems were shown before.
struct BrokenFileStatus {
    let cluster: String
    let state: StateDirectory
    let problem: String

    /// Nil when the fleet is not known. `name`: the cluster's name as far as the file can be read; without one the only fleet of the directory.
    init?(name: String?, base: String, problem: String) throws {
        let files = FileManager.default
        let known = ((try? files.contentsOfDirectory(atPath: base)) ?? []).filter { files.fileExists(atPath: "\(base)/\($0)/ledger.json") }
        guard let cluster = name ?? (known.count == 1 ? known[0] : nil), known.contains(cluster) else { return nil }
        (self.cluster, self.problem) = (cluster, problem)
        state = try StateDirectory(base: base, cluster: cluster)
    }

    /// What the ledger knows and, as far as it answers, exe.dev lists under the fleet's tag. `vms`: nil without an answer.
    func document(_ ledger: Ledger?, vms: [ObservedVM]?, time: Double) -> StatusDocument {
        let owned = vms?.filter { $0.tags.contains(DesiredCluster.tag(of: cluster)) } ?? []
        let listed = Dictionary(owned.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = Set(listed.keys).union(ledger?.nodes.keys.map { $0 } ?? []).sorted()
        return StatusDocument(
            cluster: cluster, time: time, problem: problem,
            nodes: names.map { name in
                let status = listed[name]?.status.words ?? (vms == nil ? StatusDocument.Node.unknown : "absent")
                return (name, vm: status, text: ledger?.nodes[name].map(Self.words) ?? "not in the ledger")
            })
    }

    private static func words(_ record: NodeRecord) -> String {
        switch record {
        case .requested: "a VM was asked for"
        case .present(let instance): instance.configuration == .notRecorded ? "k3s is not installed" : "k3s was installed"
        case .leaving: "its removal was begun"
        case .gone: "it was removed"
        }
    }
}
