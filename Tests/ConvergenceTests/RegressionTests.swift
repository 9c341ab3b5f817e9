import Simulation
import Testing

/// Schedules that once failed, each with what it found; `exedev-sim fuzz --seeds N..N` runs one, though a change of the scenarios or of what is
/// drawn from a seed makes another schedule of it. What is kept is the fault that mattered.
@Suite struct RegressionTests {
    private static func run(_ scenario: String, _ faults: [Fault], web: Int = 2) throws -> [String] {
        let stage = try Stage(try #require(Scenario.all(web: web).first { $0.name == scenario }))
        return Trial(stage, seed: 7, faults: faults).run().violations
    }

    private static let year = 365.25 * 86400

    /// Seed 8: a removal that had begun blocked the node for good when the file asked for it again.
    @Test(arguments: 0..<16) func aNodeThatIsWantedAgainComesBack(after effect: Int) throws {
        #expect(try Self.run("shrink", [Fault(.crashAfterReply, at: .effect(effect)), Fault(.edit(0), at: .effect(effect))]) == [])
    }

    /// Seed 20781002595: k3s was told to start again on its way out, the answer was lost, and its node was deleted while it ran.
    @Test(arguments: 8..<22) func anInstallWithoutAnAnswerIsStoppedAgain(at effect: Int) throws {
        for second in effect + 1..<effect + 6 {
            let faults = [
                Fault(.edit(0), at: .effect(3)), Fault(.crashAfterReply, at: .effect(effect)), Fault(.crashAfter, at: .effect(second)),
            ]
            #expect(try Self.run("pool renamed", faults) == [])
        }
    }

    /// Seeds 1 and 201: a clock that was set back stopped the loop for as long as it was set back.
    @Test(arguments: 0..<12) func aClockThatIsSetBackStopsNobody(at effect: Int) throws {
        #expect(try Self.run("configuration change", [Fault(.clockJump(-Self.year), at: .effect(effect))]) == [])
        #expect(try Self.run("first create", [Fault(.clockJump(-3600), at: .effect(effect))]) == [])
    }

    /// Seeds 327, 836 and 1803: a restart whose answer was lost did not count against maxUnavailable.
    @Test(arguments: [HostFault.cutAfter, .hardReset, .reboot, .cutMiddle]) func aRestartWithoutAnAnswerCounts(fault: HostFault) throws {
        for effect in 0..<8 {
            #expect(try Self.run("label and taint change", [Fault(.host(fault), at: .effect(effect))], web: 4) == [])
        }
    }

    /// Seed 716: a jump of the clock took a creation under way out of the budget.
    @Test(arguments: 0..<10) func creationsUnderWayStayInTheBudget(at effect: Int) throws {
        let faults = [Fault(.api(.status429), at: .effect(4)), Fault(.clockJump(3600), at: .effect(effect))]
        #expect(try Self.run("pool renamed in a tight budget", faults) == [])
    }

    /// Seed 132: a VM on its way out that one list left out did not count against deletionsPerPass.
    @Test(arguments: 0..<6) func anUnlistedRemovalCounts(at read: Int) throws {
        for effect in 0..<6 {
            let faults = [Fault(.crashAfter, at: .effect(effect)), Fault(.partialList(2), at: .read(read))]
            #expect(try Self.run("pool renamed in a tight budget", faults) == [])
        }
    }

    /// Seeds 914 and 1803: one list that left out a restarting node's VM had it created.
    @Test(arguments: 0..<40) func oneListMakesNobodyCreate(at read: Int) throws {
        #expect(
            try Self.run("configuration change", [Fault(.staleList(4), at: .read(read)), Fault(.host(.wrongHost), at: .effect(1))]) == [])
        #expect(try Self.run("label and taint change", [Fault(.partialList(1), at: .read(read))]) == [])
    }

    /// Seed 3103: what was seen inside a VM that vanished was taken for the inside of the one made anew.
    @Test(arguments: 0..<20) func aVMMadeAnewIsLookedAtAnew(vanishes effect: Int) throws {
        for victim in 0..<3 {
            let faults = [Fault(.crashBefore, at: .effect(11)), Fault(.vanish(victim), at: .effect(effect))]
            #expect(try Self.run("pool renamed in a tight budget", faults) == [])
        }
    }
}
