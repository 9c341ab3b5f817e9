import FleetCore
import Testing

@testable import Simulation

/// Schedules that failed once outages, power cuts and faults at looks were among them; see `RegressionTests`.
@Suite struct OutageRegressionTests {
    /// Seed 7754: an agent whose VM had vanished was made anew at the version of an upgrade that its server had not had.
    @Test(arguments: 0..<4) func noAgentIsNewerThanItsServer(at read: Int) throws {
        #expect(try RegressionTests.run("version upgrade", [Fault(.vanish(0), at: .read(read))]) == [])
    }

    /// Seed 11648: while exe.dev was silent, a VM that had been started was called stopped by the last list, and reset once a minute.
    @Test(arguments: 1..<8) func noListOfBeforeStartsAVMAgain(at read: Int) throws {
        #expect(try RegressionTests.run("VM stopped", [Fault(.outage(3600), at: .read(read))]) == [])
    }

    /// Seed 200007238: after ten minutes without a host, an agent that had joined meanwhile was restarted on the reading of before.
    @Test(arguments: 15..<35) func noReadingOfBeforeRestartsAMember(at read: Int) throws {
        #expect(try RegressionTests.run("pool renamed in a tight budget", [Fault(.dark(600), at: .read(read))], seed: 200_007_238) == [])
    }

    /// Seeds 260167281 and 35: the same, by a clock that was put forward by a year while it was set up.
    @Test(arguments: [(UInt64(260_167_281), 32), (35, 33)]) func noJumpEndsTheTimeToJoin(seed: UInt64, read: Int) throws {
        let faults = [Fault(.clockJump(Fault.year), at: .effect(10)), Fault(.dark(600), at: .read(read))]
        #expect(try RegressionTests.run("foreign VM on our name", faults, seed: seed) == [])
    }

    /// Seeds 12466 and 15769: what a step had reported as done was not on the disk: a power cut brought back a k3s that was stopped, and a
    /// configuration of before that nobody noticed.
    @Test(arguments: 0..<5) func whatIsDoneOutlastsAPowerCut(machine: Int) throws {
        for effect in 0..<14 {
            let cut = [Fault(.powerCut(machine), at: .effect(effect))]
            #expect(try RegressionTests.run("pool renamed in a tight budget", cut, seed: 12_466) == [])
        }
        for read in 0..<14 {
            #expect(try RegressionTests.run("configuration change", [Fault(.powerCut(machine), at: .read(read))], seed: 15_769) == [])
        }
    }

    /// Over 10 nodes, seed 92500572: who took over from another machine made a node forget itself that had joined a moment ago.
    @Test(arguments: 31..<38) func whoJoinedMeanwhileIsNotForgotten(at effect: Int) throws {
        #expect(
            try RegressionTests.run(
                "first create", [Fault(.rival, at: .effect(21)), Fault(.edit(0), at: .effect(effect))], web: 8, seed: 92_500_572) == [])
    }
}
