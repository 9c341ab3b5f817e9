import K3s
import Testing

@testable import FleetCore

/// What hosts say of the networks between nodes.
@Suite struct NetworkTests {
    /// Web cannot reach who has this address in the overlay.
    private static func cut(_ situation: inout Situation, from address: String?) {
        situation.facts.observed.hosts[Situation.web] = Situation.host(isSetUp: true) { probe in
            probe.podNetwork = PodNetworkFailure(
                interface: "flannel.1", mtu: 1230, peers: [.init(podAddress: "10.244.1.0", overlayAddress: address)])
        }
    }

    private static func host(_ situation: inout Situation, isSetUp: Bool = true, _ change: @escaping @Sendable (inout ProbeFields) -> Void)
    {
        situation.facts.observed.hosts[Situation.web] = Situation.host(isSetUp: isSetUp, change)
    }

    @Test(arguments: [
        Row("a ready peer is out of reach", "blocked PodNetworkDown") { cut(&$0, from: "100.64.0.1") },
        Row("the peer is not ready", "settled") { situation in
            situation.node(Situation.mate) { $0.ready = .unknown }
            cut(&situation, from: "100.64.0.3")
        },
        Row("a peer that left", "settled") { cut(&$0, from: "100.64.0.99") },
        Row("a peer that flannel does not name", "settled") { cut(&$0, from: nil) },
        Row("something else is to be done", "act patchNode LabelsOrTaintsDiffer") { situation in
            situation.node { $0.labels["tier"] = "back" }
            cut(&situation, from: "100.64.0.1")
        },
        Row("others are not held up", of: Situation.mate, "settled") { cut(&$0, from: "100.64.0.1") },
        Row("locked out", "blocked OverlayLockedOut") { host(&$0) { $0.isLockedOut = true } },
        Row("locked out and silent", "blocked OverlayLockedOut") { situation in
            situation.node { $0.ready = .unknown }
            host(&situation) { $0.isLockedOut = true }
        },
        Row("locked out before it joined", "blocked OverlayLockedOut") { situation in
            situation.withoutNode()
            host(&situation, isSetUp: false) { $0.isLockedOut = true }
        },
        Row("a device of another name", "left OverlayNameTaken") { host(&$0) { $0.overlayDevice = "demo-web-n1-1" } },
        Row("its own name", "settled") { host(&$0) { $0.overlayDevice = "demo-web-n1" } },
        Row("a name that somebody gave it", "settled") { host(&$0) { $0.overlayDevice = "front" } },
    ])
    func decides(row: Row) throws { try row.check() }

    @Test func saysWhere() throws {
        var situation = try Situation()
        Self.cut(&situation, from: "100.64.0.1")
        let reason = try #require(situation.item(Situation.web)?.decision.reason)
        #expect(reason == .podNetworkDown(interface: "flannel.1", mtu: 1230, peers: [Situation.server]))
        #expect(reason.text == "pods cannot cross to demo-cp-n1 over flannel.1 (MTU 1230)")
    }
}
