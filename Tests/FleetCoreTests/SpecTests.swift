import FleetCore
import K3s
import Testing

@Suite struct SpecTests {
    static let good = """
        {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1"}, pools: {web: {nodes: 2, isolated: true}}}
        """

    @Test func namesNodesServersFirst() {
        let outcome = FleetFile.parse(Self.good, file: "fleet.json")
        #expect(outcome.diagnostics.map(\.description) == [])
        #expect(outcome.fleet?.nodes.map(\.name) == ["demo-cp-n1", "demo-web-n1", "demo-web-n2"])
        #expect(outcome.fleet?.nodes.last?.taints.map(\.description) == ["exedev.dev/pool=web:NoSchedule"])
    }

    @Test func unknownFieldIsSuggested() {
        let text = Self.good.replacing("nodes:", with: "ndoes:")
        let told = FleetFile.parse(text, file: "f.json").diagnostics.map(\.description)
        #expect(told.contains { $0.contains("pools.web.ndoes: unknown field; did you mean \"nodes\"?") })
    }

    @Test func readerSurvivesAnything() {
        var state: UInt64 = 7
        for _ in 0..<2000 {
            var bytes = Array(Self.good.utf8)
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
            }
            _ = FleetFile.parse(String(decoding: bytes, as: UTF8.self), file: "f")
        }
    }
}
