import FleetCore
import K3s
import Testing

@testable import CommandLine

/// What verbs say whose state directory knows nothing.
@Suite struct LostStateTests {
    @Test(
        arguments: [
            ("demo", false, "--confirm=demo is not enough without a ledger"), ("fleet-demo", false, nil), ("fleet-demo", true, nil),
            (nil, true, nil), (nil, false, "there is no ledger, and no terminal to ask on"),
        ] as [(String?, Bool, String?)])
    func destroyWantsTheTag(typed: String?, canAsk: Bool, refusal: String?) {
        let failure = Verb.refusalWithoutLedger(typed: typed, tag: "fleet-demo", canAsk: canAsk)
        #expect(failure?.message == refusal)
        if let failure { #expect(failure.advice?.contains("recover") == true && failure.advice?.contains("--confirm=fleet-demo") == true) }
    }

    private static func facts(_ cluster: ObservedCluster, listed: Bool) throws -> FleetFacts {
        let text = #"{apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1}, pools: {}}"#
        let fleet = try #require(FleetFile.parse(text, file: "f").fleet)
        var observed = Observation()
        let vm = ObservedVM(
            name: "demo-cp-n1", status: .running, tags: ["fleet-demo"], address: .init(host: "h", port: nil, user: nil), createdAt: nil,
            url: nil)
        (observed.vms, observed.cluster) = (listed ? [vm.name: vm] : [:], cluster)
        let ledger = Ledger(cluster: "demo", clusterID: "new", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        return FleetFacts(fleet: fleet, observed: observed, ledger: ledger, now: 0)
    }

    /// `apply` would not find the cluster again.
    @Test func kubeconfigPointsToRecover() throws {
        var reading = ClusterReading()
        (reading.apiReady, reading.clusterID) = (true, "old")
        for cluster in [ObservedCluster.read(reading), .unreachable("no route"), .unseen] {
            let failure = Verb.unreachable(try Self.facts(cluster, listed: true), isLost: true)
            #expect(failure.advice?.contains("exedev-k8s recover") == true, "\(failure)")
        }
        for (listed, isLost) in [(true, false), (false, true)] {
            #expect(Verb.unreachable(try Self.facts(.unseen, listed: listed), isLost: isLost).advice == "run apply first")
        }
    }
}
