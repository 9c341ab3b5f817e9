import FleetCore
import K3s

extension Scenario {
    /// When something may be done.
    static func maintenance() -> [Scenario] {
        // Of a minute, so that what is begun in it ends outside, and begins again on the next day after a fault.
        let small = FleetSketch(web: 1, window: #"{from: "23:00", to: "23:01", zone: "UTC"}"#)
        let (fleet, changed) = (small.fleet(), small.with { $0.kubelet = "50" })
        return [
            Scenario("shrink before the maintenance window", before: small.with { $0.web = 2 }, after: fleet)
                .disturbed { $0.pass(to: 1_700_085_000) },
            Scenario("configuration change before the maintenance window", before: fleet, after: changed)
                .disturbed { $0.pass(to: 1_700_085_000) },
            Scenario("upgrade before the maintenance window", before: fleet, after: small.with { $0.version = "v1.34.10+k3s1" })
                .disturbed { $0.pass(to: 1_700_085_000) },
            Scenario("agent stopped by hand outside of the maintenance window", before: fleet, after: fleet).ending(.settled)
                .disturbed { world in
                    world.pass(to: 1_700_085_000)
                    world.stopK3s(on: "demo-web-n1")
                },
            Scenario(
                "configuration change of a fleet that is held", before: FleetSketch(web: 1).fleet(),
                after: FleetSketch(web: 1, kubelet: "50").fleet()
            )
            .disturbed { $0.hold() },
        ]
    }
}

extension WorldState {
    /// Time passes until the clocks of the daemon's machines show `wall`, in seconds since 1970.
    mutating func pass(to wall: Double) {
        now = max(now, wall - wallOffset)
        settle()
    }

    /// An operator pulls the hand brake.
    mutating func hold() { desks[0].pause = FleetPause(by: "ada@ops", since: now + wallOffset, reason: "disk swap") }
}

extension Course {
    /// Seconds until the window opens that the last pass waits for.
    var untilWindow: Double {
        guard case .plan(let plan)? = outcomes.last, let (_, opening) = plan.deferral else { return 0 }
        return world.state.withLock { opening.at - $0.now - $0.wallOffset } + 1
    }

    /// The operator sees that the fleet is held, and lets it go.
    func endTheHold() {
        guard case .plan(let plan)? = outcomes.last, plan.items.contains(where: { $0.decision.reason?.code == .fleetPaused }) else {
            return
        }
        world.state.withLock { $0.desks[0].pause = nil }
    }
}
