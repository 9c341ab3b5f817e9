import K3s
import Testing

@testable import FleetCore

/// What must be the same on all servers (facts/k3s.md §3.1): one server changes it, several are blocked and go on as they are.
@Suite struct CriticalValueTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// In the spelling of a fleet file.
        var before: String
        var after: String
        /// Empty: no change.
        var changed: [FoundingChange] = []
    }

    private static let rows: [Row] =
        CriticalValues.keys.map { key in
            let values = key == "egress-selector-mode" ? ("agent", #""pod""#) : ("false", "true")
            return Row(
                testDescription: key, before: "", after: #"serverConfig: {"\#(key)": \#(values.1)},"#,
                changed: [FoundingChange(key: key, value: values.0)])
        } + [
            Row(
                testDescription: "disable", before: #"disable: ["traefik"],"#, after: #"disable: ["servicelb"],"#,
                changed: [FoundingChange(key: "disable", value: "traefik")]),
            Row(
                testDescription: "disable nothing any more", before: #"disable: ["traefik"],"#, after: "",
                changed: [FoundingChange(key: "disable", value: "traefik")]),
            Row(
                testDescription: "the same in another order", before: #"disable: ["traefik", "servicelb"],"#,
                after: #"disable: ["servicelb", "traefik"],"#),
            Row(testDescription: "a default written down", before: "", after: #"serverConfig: {"embedded-registry": false},"#),
            Row(testDescription: "what may differ for a while", before: "", after: #"serverConfig: {"tls-san": "a.example.org"},"#),
        ]

    private static func facts(_ row: Row, servers: Int) throws -> FleetFacts {
        func fleet(_ fields: String) throws -> DesiredFleet {
            let text =
                #"{apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", \#(fields) servers: \#(servers)}, pools: {}}"#
            return try #require(FleetFile.parse(text, file: "fleet.json").fleet)
        }
        let ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
            .ranged(as: try fleet(row.before).cluster)
        return FleetFacts(fleet: try fleet(row.after), observed: Observation(), ledger: ledger, now: 0)
    }

    @Test(arguments: rows) func severalServersKeepTheirs(row: Row) throws {
        let facts = try Self.facts(row, servers: 3)
        #expect(facts.criticalChanges == row.changed && facts.settled.criticalChanges == row.changed)
        let kept = CriticalValues.of(facts.serverConfig, disable: facts.disable)
        #expect(CriticalValues.changes(facts.ledger.critical ?? [:], kept).isEmpty)
        #expect(facts.serverConfig["tls-san"] == facts.fleet.cluster.serverConfig["tls-san"])
    }

    @Test(arguments: rows) func oneServerChangesThem(row: Row) throws {
        let facts = try Self.facts(row, servers: 1)
        #expect(facts.criticalChanges.isEmpty)
        #expect(facts.serverConfig == facts.fleet.cluster.serverConfig && facts.disable == facts.fleet.cluster.disable)
    }

    /// A ledger of before knows of none: what the file asks now is taken for what is there.
    @Test func anOlderLedgerBlocksNothing() throws {
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        ledger.founder = "demo-cp-n1"
        var facts = try Self.facts(Self.rows[0], servers: 3)
        facts.ledger = ledger
        #expect(facts.criticalChanges.isEmpty)
        facts.ledger = ledger.ranged(as: facts.fleet.cluster)
        #expect(facts.criticalChanges.isEmpty && facts.ledger.critical?.count == 1)
    }
}
