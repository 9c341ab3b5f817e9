import K3s
import Testing

@testable import FleetCore

/// What is known of the servers.
@Suite struct ControlPlaneTests {
    private static func plane(_ arrange: (inout Situation) -> Void = { _ in }) throws -> ControlPlane {
        var situation = try Situation()
        arrange(&situation)
        return situation.facts.controlPlane
    }

    private static let role = "node-role.kubernetes.io/control-plane"

    @Test func aServerThatAnswers() throws {
        let plane = try Self.plane()
        #expect(plane.endpoint?.name == Situation.server && plane.endpoint?.address == "100.64.0.1" && plane.silence == nil)
        #expect(plane.voters.map(\.name) == [Situation.server] && plane.quorum == 1 && plane.oldestVersion == Situation.version)
    }

    struct Silent: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var silence: ControlPlaneSilence
        var arrange: @Sendable (inout Situation) -> Void
    }

    private static let silent: [Silent] = [
        Silent(testDescription: "not read", silence: .unread) { $0.facts.observed.cluster = .unseen },
        Silent(testDescription: "unreachable", silence: .unreachable("no route")) { $0.facts.observed.cluster = .unreachable("no route") },
        Silent(testDescription: "starting", silence: .starting("no API")) { $0.reading { ($0.apiReady, $0.reason) = (false, "no API") } },
        Silent(testDescription: "another cluster's mark", silence: .ofOtherCluster) { $0.reading { $0.clusterID = "c2" } },
        Silent(testDescription: "another CA", silence: .ofOtherCluster) { $0.reading { $0.caHash = "other" } },
        Silent(testDescription: "its node is missing", silence: .unregistered) { $0.withoutNode(Situation.server) },
    ]

    @Test(arguments: silent) func aServerThatDoesNot(row: Silent) throws {
        let plane = try Self.plane(row.arrange)
        #expect(!plane.answers && plane.silence == row.silence && plane.contact == Situation.server)
        #expect(plane.reason == .controlPlaneNotReady(server: Situation.server, row.silence))
    }

    @Test func serversThatSomebodyMadeVote() throws {
        let plane = try Self.plane { for name in [Situation.web, Situation.mate] { $0.node(name) { $0.labels[Self.role] = "true" } } }
        #expect(plane.voters.count == 3 && plane.quorum == 2 && plane.contains(Situation.web) && plane.contact == Situation.server)
    }
}
