import K3s
import Testing

@testable import FleetCore

/// What an operator reads of a node that does not report.
@Suite struct EvidenceTests {
    private static func probe(_ change: (inout ProbeFields) -> Void) -> HostProbe {
        var fields = ProbeFields()
        fields.overlay = .up(address: "100.64.0.2")
        fields.agent = UnitState(active: "activating", sub: "auto-restart", enabled: true, restarts: 7)
        change(&fields)
        return HostProbe(fields)
    }

    @Test(arguments: [
        (HostEvidence.unreachable("connection refused"), "the node is silent; SSH: connection refused"),
        (
            HostEvidence(probe { $0.journal = "Node password rejected" }, .agent),
            "the node is silent; on its host k3s-agent is activating (auto-restart), 7 restarts: Node password rejected"
        ),
        (
            HostEvidence(probe { ($0.agent, $0.overlay) = (nil, .needsLogin) }, .agent),
            "the node is silent; on its host k3s-agent is not set up, the overlay is down"
        ),
        (
            HostEvidence(probe { $0.server = $0.agent }, .server),
            "the node is silent; on its host k3s is activating (auto-restart), 7 restarts"
        ),
    ])
    func theHostSaysWhyItsNodeIsSilent(evidence: HostEvidence, text: String) { #expect(Reason.nodeSilent(evidence).text == text) }
}
