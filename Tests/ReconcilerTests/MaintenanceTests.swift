import FleetCore
import K3s
import Reconciler
import Testing

@testable import Simulation

/// The maintenance window and the hand brake, as the loop meets them.
@Suite struct MaintenanceTests {
    private static func sketch(_ kubelet: String = "110") -> DesiredFleet {
        FleetSketch(web: 1, kubelet: kubelet, window: "{from: '03:00', to: '03:01'}").fleet()
    }

    /// A run does not wait for hours; the next one in the window does what was put off, and nothing more.
    @Test func whatIsPutOffEndsTheRun() throws {
        let program = try Program(over: Self.sketch())
        let run = try program.converge(Self.sketch("50"))
        let result = try run.result.get()
        #expect(result.plan.isDeferred && run.effects.isEmpty && run.seconds < 60 && !result.ranOutOfTime)
        let opening = try #require(result.plan.deferral?.opening)
        program.world.state.withLock { $0.pass(to: opening.at) }
        let later = try program.converge(Self.sketch("50"))
        #expect(try later.result.get().plan.isSettled)
        #expect(later.effects.sorted() == ["install demo-batch-n1", "install demo-web-n1"])
    }

    /// Pulled between two steps: those under way are finished, and nothing is begun until it is let go.
    @Test func theHandBrakeHoldsBetweenTwoSteps() throws {
        let fleet = FleetSketch(web: 1).fleet()
        let program = Program()
        let run = try program.converge(fleet) { event, world in
            if case .actionFinished = event { world.hold() }
        }
        let result = try run.result.get()
        #expect(result.pause?.by == "ada@ops" && !result.plan.isSettled && run.seconds < 120)
        #expect(run.effects.allSatisfy { $0.hasPrefix("createVM") } && !run.effects.isEmpty, "\(run.effects)")
        #expect(result.plan.items.contains { $0.decision.reason?.code == .fleetPaused })
        let held = try program.converge(fleet)
        #expect(held.effects.isEmpty)
        program.world.state.withLock { $0.desks[0].pause = nil }
        #expect(try program.converge(fleet).result.get().plan.isSettled)
    }
}
