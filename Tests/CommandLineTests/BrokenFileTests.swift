import Daemon
import FleetCore
import Foundation
import Live
import Testing

@testable import CommandLine

/// `status` with a fleet file that has errors.
@Suite struct BrokenFileTests {
    private static func vm(_ name: String, tag: String = "fleet-demo") -> ObservedVM {
        ObservedVM(
            name: name, status: .running, tags: [tag], address: .init(host: "h", port: nil, user: nil), createdAt: nil, url: nil)
    }

    /// A folder with the ledgers of these fleets.
    private static func base(_ clusters: String...) throws -> String {
        let base = NSTemporaryDirectory() + "broken-\(UUID().uuidString)"
        for cluster in clusters {
            var ledger = Ledger(cluster: cluster, clusterID: "c", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
            ledger.nodes = ["demo-web-n1": .present(Instance(createdAt: "then")), "demo-web-n2": .requested(VMRequest(sentAt: 1))]
            try StateDirectory(base: base, cluster: cluster).store(ledger)
        }
        return base
    }

    @Test func showsWhatTheLedgerAndExeDevKnow() throws {
        let base = try Self.base("demo", "other")
        defer { try? FileManager.default.removeItem(atPath: base) }
        let status = try #require(try BrokenFileStatus(name: "demo", base: base, problem: "fleet.json has errors"))
        let ledger = try status.state.loadLedger { _ in }
        let vms = [Self.vm("demo-web-n1"), Self.vm("demo-old-n1"), Self.vm("other-n1", tag: "fleet-other")]
        let document = status.document(ledger, vms: vms, time: 0)
        #expect(
            document.nodes.map { [$0.name, $0.vm, $0.text] } == [
                ["demo-old-n1", "running", "not in the ledger"], ["demo-web-n1", "running", "k3s is not installed"],
                ["demo-web-n2", "absent", "a VM was asked for"],
            ])
        #expect(!document.settled && document.conditions.map(\.reason) == ["FleetFileRefused"])
        #expect(document.text.contains("demo-web-n2") && document.prettyJSON.contains("FleetFileRefused"))
        let unlisted = status.document(ledger, vms: nil, time: 0)
        #expect(unlisted.nodes.map { [$0.name, $0.vm] } == [["demo-web-n1", "unknown"], ["demo-web-n2", "unknown"]])
    }

    @Test func findsTheFleetWithoutItsName() throws {
        let (one, two) = (try Self.base("demo"), try Self.base("demo", "other"))
        defer { for base in [one, two] { try? FileManager.default.removeItem(atPath: base) } }
        #expect(try BrokenFileStatus(name: nil, base: one, problem: "")?.cluster == "demo")
        #expect(try BrokenFileStatus(name: nil, base: two, problem: "") == nil, "it may be either")
        #expect(try BrokenFileStatus(name: "third", base: one, problem: "") == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: one) == ["demo"], "looking makes no folder")
        #expect(try BrokenFileStatus(name: "demo", base: "/nowhere", problem: "") == nil)
    }

    @Test(arguments: [
        (#"{cluster: {name: "demo", servers: "many"}, pools: 7}"#, "demo"), (#"{cluster: {name: "demo"}"#, nil),
        (#"{cluster: {name: "../x"}}"#, nil), ("[]", nil), (#"{cluster: "demo"}"#, nil),
    ]) func readsTheNameOfAFileWithErrors(text: String, name: String?) {
        let outcome = FleetFile.parse(text, file: "f")
        #expect(outcome.fleet == nil && outcome.clusterName == name && !outcome.diagnostics.isEmpty)
    }
}
