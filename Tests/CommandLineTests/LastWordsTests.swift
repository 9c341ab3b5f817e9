import FleetCore
import K3s
import Reconciler
import Testing

@testable import CommandLine

/// What `apply` says of the hosts it still waited for.
@Suite struct LastWordsTests {
    private struct Hosts: WorldReader {
        func listVMs() async throws(EffectError) -> [ObservedVM] { [] }
        func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading { ClusterReading() }
        func readShare(of vm: ObservedVM) async throws(EffectError) -> Share { .initial }
        func answer(to question: ShareQuestion) async throws(EffectError) -> Int { 200 }

        func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe {
            guard vm.name != "demo-web-n2" else { throw EffectError("connection refused", remedy: .retry(after: nil)) }
            var fields = ProbeFields()
            (fields.overlay, fields.journal) = (.up(address: "100.64.0.2"), "bad token")
            fields.agent = UnitState(active: "activating", sub: "start", enabled: true, restarts: 2)
            return HostProbe(fields)
        }
    }

    @Test func everyHostThatIsWaitedForIsAskedOnceMore() async throws {
        let text = #"{apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1"}, pools: {web: {nodes: 4}}}"#
        let fleet = try #require(FleetFile.parse(text, file: "f").fleet)
        let decisions: [Decision] = [
            .settled, .wait(Wait(.nodeNotReady("not ready"), read: .cluster, every: 1)),
            .wait(Wait(.hostUnreachable("timed out"), read: .cluster, every: 1)), .wait(Wait(.nodeSilent(nil), read: .cluster, every: 1)),
            .wait(Wait(.createOutcomeUnknown, read: .vms, every: 1)),
        ]
        let items = zip(fleet.nodes, decisions).map { Plan.Item(node: $0.name, pool: $0.pool, decision: $1, then: []) }
        var observed = Observation()
        observed.vms = [:]
        for node in fleet.nodes.dropLast() {
            observed.note(
                ObservedVM(
                    name: node.name, status: .running, tags: [], address: .init(host: "h", port: nil, user: nil), createdAt: nil, url: nil))
        }
        let lines = await LastWords.lines(of: Plan(cluster: "demo", items: items), observed, fleet, in: Hosts())
        #expect(
            lines == [
                "  demo-web-n1: on its host k3s-agent is activating (start), 2 restarts: bad token",
                "  demo-web-n2: SSH: connection refused",
            ])
    }
}
