import FleetCore
import K3s
import Testing

@testable import Simulation

/// Schedules that once failed, each with what it found; `exedev-sim fuzz --seeds N..N` runs one, though a change of the scenarios or of what is
/// drawn from a seed makes another schedule of it. What is kept is the fault that mattered.
@Suite struct RegressionTests {
    static func run(
        _ scenario: String, _ faults: [Fault], web: Int = 2, seed: UInt64 = 7, restartsAfter: Double = Trial.pause
    ) throws -> [String] {
        var trial = Trial(try Stage.named(scenario, web: web), seed: seed, faults: faults)
        trial.restartsAfter = restartsAfter
        return trial.run().violations
    }

    /// Seed 8: a removal that had begun blocked the node for good when the file asked for it again.
    @Test(arguments: 0..<16) func aNodeThatIsWantedAgainComesBack(after effect: Int) throws {
        #expect(try Self.run("shrink", [Fault(.crashAfterReply, at: .effect(effect)), Fault(.edit(0), at: .effect(effect))]) == [])
    }

    /// Seed 20781002595: k3s was told to start again on its way out, the answer was lost, and its node was deleted while it ran.
    @Test(arguments: 4..<16) func anInstallWithoutAnAnswerIsStoppedAgain(at effect: Int) throws {
        for edit in 0..<2 {
            for crash in effect + 1..<effect + 4 {
                let faults = [Fault(.edit(edit), at: .effect(effect)), Fault(.crashAfterReply, at: .effect(crash))]
                #expect(try Self.run("pool renamed", faults) == [])
            }
        }
    }

    /// Seeds 1 and 201: a clock that was set back stopped the loop for as long as it was set back.
    @Test(arguments: 0..<12) func aClockThatIsSetBackStopsNobody(at effect: Int) throws {
        #expect(try Self.run("configuration change", [Fault(.clockJump(-Fault.year), at: .effect(effect))]) == [])
        #expect(try Self.run("first create", [Fault(.clockJump(-3600), at: .effect(effect))]) == [])
    }

    /// Seeds 327, 836 and 1803: a restart whose answer was lost did not count against maxUnavailable.
    @Test(arguments: [HostFault.cutAfter, .hardReset, .reboot, .cutMiddle]) func aRestartWithoutAnAnswerCounts(fault: HostFault) throws {
        for effect in 0..<8 {
            #expect(try Self.run("configuration change", [Fault(.host(fault), at: .effect(effect))], web: 4) == [])
        }
    }

    /// What an inspection had seen on a host was dropped with a reading of the cluster that failed, and the run ended without it.
    @Test func whatAnOutageDropsIsLookedAtAgain() throws {
        let stage = try Stage.named("label and taint change")
        var struck = 0
        for read in stage.reads.indices {
            let verdict = Trial(stage, seed: 7, faults: [Fault(.apiServerDown, at: .read(read))]).run()
            #expect(verdict.violations == [], "at read \(read)")
            struck += verdict.end.struck.count
        }
        #expect(struck > 2, "readings of the cluster")
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
            // Meanwhile exe.dev takes no new VM.
            let full = [Fault(.throttle(9), at: .effect(0)), faults[0], Fault(.partialList(2), at: .read(read + 7))]
            #expect(try Self.run("pool renamed in a tight budget", full, restartsAfter: 10) == [])
        }
    }

    /// Seeds 914 and 1803: one list that left out a restarting node's VM had it created.
    @Test(arguments: 0..<40) func oneListMakesNobodyCreate(at read: Int) throws {
        #expect(
            try Self.run("configuration change", [Fault(.staleList(4), at: .read(read)), Fault(.host(.wrongHost), at: .effect(1))]) == [])
        #expect(try Self.run("label and taint change", [Fault(.partialList(1), at: .read(read))]) == [])
    }

    /// Seed 3103: what was seen inside a VM that vanished was taken for the inside of the recreated one.
    @Test(arguments: 0..<20) func aVMMadeAnewIsLookedAtAnew(vanishes effect: Int) throws {
        for victim in 0..<3 {
            let faults = [Fault(.crashBefore, at: .effect(11)), Fault(.vanish(victim), at: .effect(effect))]
            #expect(try Self.run("pool renamed in a tight budget", faults) == [])
        }
    }

    /// Another machine took over while this one stood still, which then went on with what it had decided and seen before.
    @Test(arguments: [40.0, 70, 3600]) func whoStoodStillDoesNotGoOnAsIfNothingWere(seconds: Double) throws {
        for (scenario, effect) in [("first create", 1), ("pool renamed", 2), ("configuration change", 1), ("label and taint change", 2)] {
            #expect(try Self.run(scenario, [Fault(.rival, at: .effect(0)), Fault(.pause(seconds), at: .effect(effect))]) == [])
        }
    }

    /// Another machine founded the cluster while this one prepared it: this one's ledger did not know who the founder was.
    @Test(arguments: 0..<8) func aClusterThatAnotherFoundedHasAFounder(at effect: Int) throws {
        #expect(try Self.run("first create", [Fault(.rival, at: .effect(effect))]) == [])
    }

    /// One failed reading of the cluster made running hosts look bare: their k3s was replaced by the next version.
    @Test(arguments: 0..<4) func aSilentClusterIsNoReasonToUpgrade(at read: Int) throws {
        for fault in [Fault.Kind.unreachable, .refused, .apiServerDown] {
            #expect(try Self.run("upgrade", [Fault(fault, at: .read(read))]) == [])
            #expect(try Self.run("server changed while a voter made by hand is down", [Fault(fault, at: .read(read))]) == [])
        }
    }

    /// Seed 1180: a sharing whose answer was lost, and a file that went back to the one before: the ledger took it for done.
    @Test(arguments: 0..<3) func aSharingWithoutAnAnswerIsSetAgain(crash: Int) throws {
        for effect in 2..<5 {
            let kind = [Fault.Kind.crashBefore, .crashAfter, .crashAfterReply][crash]
            #expect(try Self.run("share change", [Fault(.edit(0), at: .effect(1)), Fault(kind, at: .effect(effect))]) == [])
            #expect(try Self.run("configuration change", [Fault(.edit(0), at: .effect(1)), Fault(kind, at: .effect(effect))]) == [])
        }
    }

    /// Seeds 305, 1755 and 9740: a VM that vanished on its way out left its node, and later nobody knew whose it was.
    @Test(arguments: 0..<8) func aVMThatVanishesOnItsWayOutLeavesNoNode(at effect: Int) throws {
        for victim in 1...2 {
            let faults = [Fault(.vanish(victim), at: .effect(effect)), Fault(.crashBefore, at: .effect(9))]
            #expect(try Self.run("pool renamed", faults) == [])
            #expect(try Self.run("pool renamed in a tight budget", [faults[0]]) == [])
            // By a clock that is put forward it has been missing for long.
            for (crash, jump) in [(11, 18), (15, 18), (9, 14)] {
                let late = [faults[0], Fault(.crashBefore, at: .effect(crash)), Fault(.clockJump(3600), at: .effect(jump))]
                #expect(try Self.run("pool renamed", late, restartsAfter: 10) == [])
            }
        }
        // Nor its password.
        let cut = [
            Fault(.vanish(2), at: .effect(10)), Fault(.host(.cutAfter1), at: .effect(11)),
            Fault(.clockJump(3600), at: .effect(12 + effect)),
        ]
        #expect(try Self.run("pool renamed", cut, restartsAfter: 10) == [])
    }

    /// A deletion that was cut between the node and its password was not done again.
    @Test(arguments: [HostFault.diskFull, .cutMiddle, .failsMiddle]) func aPasswordGoesWithItsNode(fault: HostFault) throws {
        for effect in 0..<8 { #expect(try Self.run("shrink", [Fault(.host(fault), at: .effect(effect))]) == []) }
    }

    /// Seed 18844: a removal without a node to drain did not count against deletionsPerPass while it waited.
    @Test(arguments: 6..<14) func aRemovalThatWaitsCounts(at effect: Int) throws {
        let faults = [
            Fault(.edit(0), at: .effect(5)), Fault(.crashAfter, at: .effect(8)), Fault(.host(.cutBefore), at: .effect(effect)),
        ]
        #expect(try Self.run("shrink", faults) == [])
    }

    /// Seed 9001: a clock put forward ended the wait for a `new` that exe.dev still had to carry out.
    @Test(arguments: 1..<10) func aNewWithoutAnAnswerIsWaitedForByAClockThatNobodySets(at effect: Int) throws {
        let faults = [Fault(.api(.status504Late), at: .effect(0)), Fault(.clockJump(Fault.year), at: .effect(effect))]
        #expect(try Self.run("pool renamed", faults) == [])
    }

    /// Seed 269 over 10 nodes: a VM vanished and another machine, with the file of before, set up the one that it made in its place. This ledger
    /// did not know how k3s was configured there, and took that for as it should be.
    @Test(arguments: 8..<18) func aConfigurationThatNobodyKnowsIsSet(at effect: Int) throws {
        let faults = [
            Fault(.edit(0), at: .effect(3)), Fault(.crashAfter, at: .effect(6)), Fault(.rival, at: .effect(7)),
            Fault(.vanish(8), at: .effect(effect)),
        ]
        #expect(try Self.run("configuration change", faults, web: 8) == [])
    }

    /// Seed 5008272 over 10 nodes: a node waited for its place, which one held that only the operator could mend, and the run never ended.
    @Test(arguments: 0..<6) func aPlaceThatNobodyGivesBackIsNotWaitedFor(at effect: Int) throws {
        let faults = [Fault(.vanish(8), at: .effect(0)), Fault(.crashAfterReply, at: .effect(effect))]
        #expect(try Self.run("quota of the account", faults, web: 8) == [])
        #expect(try Self.run("quota of the account", faults) == [])
    }

    /// Seed 6043509: the answer to a takeover of the Lease was lost, and the next one, that the Lease is ours, was taken for an old one: what had
    /// been seen before the other machine's work was acted on.
    @Test(arguments: 0..<4) func aTakeoverThatNobodyHeardOfIsOne(at ask: Int) throws {
        for effect in 4..<8 {
            let faults = [Fault(.rival, at: .effect(effect)), Fault(.host(.cutAfter), at: .ask(ask))]
            #expect(try Self.run("pool renamed", faults + [Fault(.reboot(6), at: .effect(1))], seed: 6_043_509) == [])
            #expect(try Self.run("pool renamed", faults) == [])
        }
    }

    /// Seed 8102709: a machine that waited for the outcome of creations which another one had begun sent them again when the wait was over, by a
    /// list of before it, for exe.dev could not be reached meanwhile.
    @Test(arguments: 3..<6) func anOldListEndsNoWaitForACreation(at effect: Int) throws {
        let faults = [Fault(.rival, at: .effect(3)), Fault(.outage(60), at: .effect(effect))]
        #expect(try Self.run("name held by somebody else", faults, seed: 8_102_709) == [])
        #expect(try Self.run("first create", faults) == [])
    }

    /// Over 10 nodes, "pool renamed", seed 1182: a node whose drain the ledger knew was stopped although somebody had given it back.
    @Test(arguments: 0..<6) func aRemovalThatWasTakenBackBeginsAnew(at effect: Int) throws {
        for kind in [Fault.Kind.crashBefore, .crashAfter, .rival] {
            #expect(try Self.run("shrink that somebody took back half-way", [Fault(kind, at: .effect(effect))]) == [])
        }
    }

    /// Over 10 nodes, "grow", seed 2981: k3s of a node was stopped by another machine, and this one waited for its silent node for ever.
    @Test(arguments: 0..<8) func aNodeWhoseK3sWasStoppedComesBack(at effect: Int) throws {
        #expect(try Self.run("grow", [Fault(.rival, at: .effect(effect)), Fault(.edit(1), at: .effect(effect + 2))]) == [])
        #expect(try Self.run("k3s of an agent stopped by hand", [Fault(.crashAfterReply, at: .effect(0))]) == [])
    }

    /// Over 10 nodes, "shrink", seed 7801: an old list showed the machine before, and the identity of the one that was joining was forgotten.
    @Test(arguments: 4..<12) func anOldListShowsNoNewMachine(at effect: Int) throws {
        for read in 4..<24 {
            let faults = [Fault(.edit(0), at: .effect(effect)), Fault(.staleList(1 + read % 4), at: .read(read))]
            #expect(try Self.run("shrink", faults) == [])
            #expect(try Self.run("VM rebuilt under the same name", [faults[1]]) == [])
        }
    }

    /// Over 4 nodes, seed 44342: a VM vanished while its node was deleted, the deletion was cut, and the node's password stayed for good.
    @Test(arguments: 0..<8) func whatIsLeftOfACutRemovalGoes(at effect: Int) throws {
        for cut in [HostFault.cutAfter1, .cutAfter2] {
            for victim in 0..<5 {
                let faults = [Fault(.vanish(victim), at: .effect(effect)), Fault(.host(cut), at: .effect(effect + 1))]
                #expect(try Self.run("shrink", faults) == [])
            }
        }
    }

    /// Over 10 nodes, seed 917550: a node was restarted while another one of its pool was recreated.
    @Test(arguments: 0..<10) func whatIsMadeAnewCountsAsDown(at effect: Int) throws {
        for victim in 0..<4 {
            let faults = [Fault(.vanish(victim), at: .effect(effect)), Fault(.pause(5), at: .effect(effect + 1))]
            #expect(try Self.run("configuration change", faults, web: 4) == [])
        }
    }

    /// Seed 4522: the file was changed back while a node joined, which was deleted as if nothing ran there.
    @Test(arguments: 0..<20) func whatMayBeJoiningIsWaitedFor(at effect: Int) throws {
        #expect(try Self.run("grow", [Fault(.edit(0), at: .effect(effect))]) == [])
        #expect(try Self.run("pool renamed", [Fault(.edit(0), at: .effect(effect)), Fault(.edit(1), at: .effect(effect + 1))]) == [])
    }

    /// Seed 135321: a node that came up slowly no longer counted as restarted by us.
    @Test(arguments: 0..<6) func aSlowStartCounts(at effect: Int) throws {
        for victim in 0..<4 {
            let faults = [Fault(.host(.slowStart), at: .effect(effect)), Fault(.silence(victim), at: .effect(effect + 1))]
            #expect(try Self.run("label and taint change", faults) == [])
        }
    }

    /// Seeds 2798, 1716 and others: going on from the ledger before the last write, what the last one knew was taken for not done.
    @Test(arguments: [
        "VM stopped", "configuration change", "share change", "shrink", "pool renamed", "first create",
        "shrink that somebody took back half-way",
    ])
    func aDamagedLedgerIsDoubted(scenario: String) throws {
        for effect in 0..<12 { #expect(try Self.run(scenario, [Fault(.crashAndDamage, at: .effect(effect))]) == []) }
    }

    /// Seed 10473295: a machine that had stood still heard an answer before its sleeper woke, and went on with what it had decided before.
    @Test(arguments: 6..<20) func whoeverIsHeardFirstTellsOfAStandstill(at effect: Int) throws {
        for seed: UInt64 in [7, 10_013_033, 10_473_295] {
            let faults = [Fault(.outage(60), at: .effect(1)), Fault(.rival, at: .effect(3)), Fault(.pause(90), at: .effect(effect))]
            #expect(try Self.run("first create", faults, seed: seed) == [])
        }
    }

    /// Seed 30159949: of two whose removal had begun the one that pods were scheduled on again was drained before the other one was gone.
    @Test(arguments: [1, 10, 30, Trial.pause]) func theRemovalThatIsUnderWayComesFirst(restartsAfter: Double) throws {
        let faults = [
            Fault(.edit(1), at: .effect(12)), Fault(.crashAndDamage, at: .effect(19)), Fault(.edit(1), at: .effect(21)),
            Fault(.crashAfterReply, at: .effect(24)),
        ]
        #expect(try Self.run("pool renamed", faults, seed: 30_159_949, restartsAfter: restartsAfter) == [])
    }

    /// Over 10 nodes, seed 20348935: a recreated VM that the file did not ask for any more was taken for the half removed one before.
    @Test func aMachineMadeAnewHasNoRemovalOfOld() throws {
        let faults = [
            Fault(.vanish(7), at: .effect(1)), Fault(.crashAfter, at: .effect(3)), Fault(.apiServerDown, at: .read(5)),
            Fault(.edit(0), at: .effect(7)), Fault(.crashAndDamage, at: .effect(10)),
        ]
        #expect(try Self.run("shrink", faults, web: 8, seed: 20_348_935) == [])
    }

    /// Over 10 nodes, seed 63114468: the program ended while a VM that it had asked for, and that the file did not ask for any more, was still to come.
    @Test func aCreationThatNobodyWantsAnyMoreIsWaitedFor() throws {
        let fleet = FleetSketch().fleet()
        var world = try WorldState.standing(fleet)
        let name = "demo-web-n9"
        let request = VMRequest(sentAt: world.now + world.wallOffset)
        world.disk?.nodes[name] = .requested(request)
        let shape = try #require(fleet.nodes.last?.vm)
        let step = CreateVM(node: name, vm: shape, ownerTag: fleet.cluster.tag)
        world.late.append(.init(at: world.now + 25, effect: Effect(.createVM(step)), process: 0))
        let ran = try Rehearsal(fleet, in: world)
        #expect(ran.end.machine(name) == nil)
        #expect(ran.effects.contains("removeVM \(name)"))
    }

    /// Over 10 nodes, seed 63571724: a creation that had failed was tried again by a list of before exe.dev fell silent, when another machine had
    /// long made the VM.
    @Test func aFailedCreationIsTriedAgainByANewList() throws {
        let faults = [
            Fault(.outage(60), at: .effect(4)), Fault(.pause(5), at: .effect(22)), Fault(.rival, at: .effect(36)),
            Fault(.outage(60), at: .effect(54)),
        ]
        #expect(try Self.run("first create", faults, web: 8, seed: 63_571_724) == [])
    }
}
