import Foundation
import K3s
import Live

@testable import CommandLine
@testable import FleetCore

extension FuzzEntry {
    static let fleet = FuzzEntry("fleet") { bytes in
        let text = decoded(bytes)
        let outcome = FleetFile.parse(text, file: "f")
        let lines = bytes.count { $0 == 10 } + 1
        for problem in outcome.diagnostics {
            try expect((1...lines).contains(problem.line) && problem.column > 0, "\(problem) is outside of the file")
        }
        guard let fleet = outcome.fleet else {
            return try expect(outcome.diagnostics.contains { $0.severity == .error }, "no fleet and no error")
        }
        let names = fleet.nodes.map(\.name)
        try expect(Set(names).count == names.count && names.count <= fleet.limits.maxVMs, "the VMs \(names)")
        try expect(!fleet.cluster.clusterCIDR.overlaps(fleet.cluster.serviceCIDR), "networks overlap")
        let facts = fleetFacts(fleet, .init(cluster: "x", clusterID: "x", clusterCIDR: "", serviceCIDR: ""))
        for node in fleet.nodes { _ = facts.install(node, overlay: "1.2.3.4") }
    }

    /// Through the file, as the program reads it: an error names the file and what to do about it.
    static let ledger = FuzzEntry("ledger") { bytes in
        let folder = FileManager.default.temporaryDirectory.path + "/exedev-fuzz-\(getpid())"
        let directory = try StateDirectory(base: folder, cluster: "demo")
        try directory.create()
        let file = directory.path + "/ledger.json"
        try Data(bytes).write(to: URL(filePath: file))
        let ledger: Ledger?
        do throws(StateError) {
            ledger = try directory.loadLedger { _ in }
        } catch {
            return try expect(error.message.contains(file) && error.advice?.isEmpty == false, "an error that helps nobody: \(error)")
        }
        guard let ledger else { throw Broken(description: "a ledger that is there was not seen") }
        try directory.store(ledger)
        try expect(try directory.loadLedger { _ in } == ledger, "the ledger changes when it is written and read")
        guard let fleet = exampleFleet else { throw Broken(description: "the example does not parse") }
        for now in [0, 1.8e9] {
            let facts = fleetFacts(fleet, ledger, now: now)
            for line in Planner.plan(facts).items {
                if case .wait(let wait) = line.decision, wait.read != .nothing {
                    try expect((0...86400).contains(wait.interval), "waits \(wait.interval) s")
                }
            }
        }
    }

    static let plan = FuzzEntry("plan") { bytes in
        let document: PlanDocument
        do throws(Failure) {
            document = try PlanDocument.read(decoded(bytes), file: "plan.json")
        } catch {
            return try expect("\(error)".contains("plan.json"), "the error does not name the file: \(error)")
        }
        let again = try PlanDocument.read(document.json, file: "again")
        try expect(again.approval == document.approval && again.basis == document.basis, "the plan changes when it is written and read")
    }

    /// A line of NULs apart: what is there, and what is brought in.
    static let kubeconfig = FuzzEntry("kubeconfig") { bytes in
        let parts = fields(bytes).map { decoded($0) }
        for existing in parts {
            guard let merged = try? KubeconfigMerge.merge(kubeconfigOfServer, into: existing, file: "f") else { continue }
            let again = try? KubeconfigMerge.merge(kubeconfigOfServer, into: merged, file: "f")
            try expect(again == merged, "merging twice is not merging once")
            _ = try? KubeconfigMerge.merge(Verb.rewritten(existing, server: "https://x", name: "x"), into: merged, file: "f")
        }
        if parts.count > 1 { _ = try? KubeconfigMerge.merge(parts[1], into: parts[0], file: "f") }
    }

    static let exampleFleet = FleetFile.parse(
        """
        {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1"}, pools: {web: {nodes: 2}}, policy: {prune: true}}
        """, file: "f"
    ).fleet

    private static let kubeconfigOfServer = """
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: QQ==
            server: https://100.64.0.1:6443
          name: demo
        contexts:
        - context:
            cluster: demo
            user: demo
          name: demo
        kind: Config
        users:
        - name: demo
          user:
            client-key-data: QQ==
        """

    /// A world in which every VM of the fleet is there and one more is to go.
    private static func fleetFacts(_ fleet: DesiredFleet, _ ledger: Ledger, now: Double = 1.8e9) -> FleetFacts {
        var observed = Observation()
        observed.vms = [:]
        for name in ["demo-cp-n1", "demo-web-n1", "demo-old-n1"] {
            let address = ObservedVM.Address(host: "h", port: nil, user: nil)
            observed.note(ObservedVM(name: name, status: .running, tags: ["fleet-demo"], address: address, createdAt: "today", url: nil))
            var probe = HostProbe()
            probe.hostname = name
            probe.systemd = "running"
            observed.hosts[name] = .probed(probe)
        }
        var reading = ClusterReading()
        (reading.hostname, reading.apiReady, reading.caHash) = ("demo-cp-n1", true, ledger.caHash ?? "ca")
        reading.nodes = [NodeReading(name: "demo-cp-n1", ready: .ready, version: K3sVersion("v1.34.9+k3s1"), internalIP: "100.64.0.1")]
        observed.cluster = .read(reading)
        return FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: now)
    }
}
