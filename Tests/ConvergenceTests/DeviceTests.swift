import FleetCore
import Testing

@testable import Reconciler
@testable import Simulation

/// The tailnet has a device for each VM of the fleet, and none of a VM that left.
@Suite struct DeviceTests {
    @Test func aNodeThatLeavesTakesItsDeviceAlong() throws {
        let stage = try Stage.named("shrink")
        let end = Trial(stage, seed: 7, faults: []).run().end
        #expect(stage.start.account.devices.count > end.machines.count)
        #expect(end.account.devices.keys.sorted() == end.machines.map(\.name).sorted())
    }

    @Test func aFleetThatEndsLeavesNone() throws {
        let end = Trial(try Stage.named("destroy"), seed: 7, faults: []).run().end
        #expect(end.machines.isEmpty && end.account.devices.isEmpty)
    }

    /// The host was taken out of the tailnet, exe.dev did not remove its VM, and the file asks for the node again.
    @Test func comesBackAfterALogoutWithoutARemoval() throws {
        let (fleet, name) = (FleetSketch(web: 1).fleet(), "demo-web-n1")
        let scenario = Scenario("removal taken back after the logout", before: fleet, after: fleet).disturbed { world in
            world.haltK3s(on: name, disables: true)
            world.deleteNode(name)
            world.disk?.removalReached(.nodeDeleted, name)
            world.logOut(name)
        }
        let stage = try Stage(scenario)
        #expect(stage.effects.map(\.kind).contains(.prepare))
        for faults in [[]] + stage.crashes.map({ [$0] }) {
            let verdict = Trial(stage, seed: 7, faults: faults).run()
            #expect(verdict.isGood, "\(faults): \(verdict.violations)")
            #expect(verdict.end.account.devices[name] != nil)
        }
    }

    /// It is said, and nothing is done about it.
    @Test func aHostThatIsLockedOutIsNamed() throws {
        let (fleet, name) = (FleetSketch(web: 1).fleet(), "demo-web-n1")
        var world = try WorldState.standing(fleet)
        world.lockOut(name)
        let run = try Rehearsal(fleet, in: world)
        #expect(run.effects == [])
        #expect(try run.block(name) == .overlayLockedOut)
    }
}
