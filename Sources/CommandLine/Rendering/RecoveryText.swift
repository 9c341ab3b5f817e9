import FleetCore
import K3s
import Shell

/// What `recover` found, before it asks.
enum RecoveryText {
    static func render(_ recovered: RecoveredLedger, _ record: ServerRecord, _ observed: Observation, _ fleet: DesiredFleet) -> String {
        let names = recovered.findings.keys.sorted()
        let width = (names.map(\.count).max() ?? 0) + 2
        let rows = names.map { "  " + $0.padded(to: width) + words(recovered.findings[$0]!, observed.hosts[$0], observed.node($0)) }
        return
            (["fleet \(fleet.cluster.name)    VMs with the tag \(fleet.cluster.tag)", ""] + rows + [""] + cluster(recovered.ledger, record))
            .joined(separator: "\n")
    }

    private static func cluster(_ ledger: Ledger, _ record: ServerRecord) -> [String] {
        let server = ledger.founder.map { "founded by \($0), CA \(short(ledger.caHash ?? ""))" } ?? "not founded yet"
        return ["cluster \(short(ledger.clusterID)): \(server), \(record)", "its tokens are read from the server"]
    }

    private static func words(_ finding: RecoveredLedger.Finding, _ host: ObservedHost?, _ node: NodeReading?) -> String {
        switch finding {
        case .ours: return "ours: " + inside(host) + (node.map { ", Node \($0.ready.words)" } ?? ", no Node")
        case .unproven(let reason): return "asked for by the fleet file, not proven: " + (reason.map(outside) ?? "the host has no mark")
        case .ofOtherCluster(let id): return "left alone: its host belongs to the cluster \(short(id))"
        case .leftAlone(let reason): return "left alone, no pool asks for it: " + (reason.map(outside) ?? "the host has no mark")
        }
    }

    private static func inside(_ host: ObservedHost?) -> String {
        guard case .probed(let probe)? = host else { return "-" }
        let role = probe.hasServerData ? "server" : probe.hasAgentData ? "agent" : "prepared"
        return role + (probe.binaryVersion.map { ", k3s \($0)" } ?? "")
    }

    private static func short(_ digest: String) -> String { OutsideText.line(String(digest.prefix(12))) }
    private static func outside(_ text: String) -> String { OutsideText.line(text) }
}
