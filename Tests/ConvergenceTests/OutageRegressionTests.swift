import FleetCore
import Testing

@testable import Simulation

/// Schedules that failed once outages, power cuts and faults at reads were among them; see `RegressionTests`.
@Suite struct OutageRegressionTests {
    /// exe.dev was down for an hour, from any step on: nothing is done to the fleet in that time, and all of it afterwards.
    @Test(arguments: ["first create", "shrink", "pool renamed", "VM vanished"]) func anHourWithoutExeDevDoesNoHarm(scenario: String) throws
    {
        for effect in 0..<8 { #expect(try RegressionTests.run(scenario, [Fault(.outage(3600), at: .effect(effect))]) == []) }
    }

    /// Seed 7754: an agent whose VM had vanished was recreated at the version of an upgrade that its server had not had.
    @Test(arguments: 0..<4) func noAgentIsNewerThanItsServer(at read: Int) throws {
        #expect(try RegressionTests.run("upgrade", [Fault(.vanish(0), at: .read(read))]) == [])
        for silence in 0..<5 {
            let faults = [Fault(.vanish(0), at: .read(read)), Fault(.apiOutage(600), at: .read(silence))]
            #expect(try RegressionTests.run("upgrade", faults) == [])
        }
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

    /// Seed 340089517: a dead host was started by somebody between the deletion of its node and its own removal, joined once more, and its node
    /// stayed for ever.
    @Test(arguments: 3..<13) func noNodeOutlivesItsVM(at read: Int) throws {
        for fault in [Fault(.pause(90), at: .effect(4)), Fault(.crashBefore, at: .effect(0)), Fault(.api(.status429), at: .effect(6))] {
            let faults = [fault, Fault(.powerCut(4), at: .read(read))]
            for seconds in [10, Trial.pause] {
                #expect(
                    try RegressionTests.run("shrink by a host that is dead", faults, seed: 340_089_517, restartsAfter: seconds) == [])
            }
        }
    }

    /// Seed 430615412: the same, while the reading that lacked its node was on its way.
    @Test func noNodeOutlivesItsVMByASlowAnswer() throws {
        let faults = [Fault(.powerCut(4), at: .effect(4)), Fault(.slow(8), at: .read(9))]
        #expect(try RegressionTests.run("shrink by a host that is dead", faults, seed: 430_615_412) == [])
    }

    /// Seed 340267770: while a cluster was founded, who had stood still for 30 s asked for a VM that another machine had made meanwhile.
    @Test(arguments: 10..<40) func aStandstillOfHalfAMinuteIsNoticed(at read: Int) throws {
        let faults = [
            Fault(.crashAfterWrite, at: .save(0)), Fault(.rival, at: .effect(2)), Fault(.pause(30), at: .read(read)),
        ]
        for seconds in [1.0, 10, 30] {
            let complaints = try RegressionTests.run("another host at our address", faults, seed: 340_267_770, restartsAfter: seconds)
            #expect(complaints == [], "\(complaints.prefix(2))")
        }
    }

    /// Over 10 nodes, seed 500433722, and seed 430099715: answers that were on their way for long could not show who joined meanwhile.
    @Test func nobodyKnowsWhatCameAfterTheQuestion() throws {
        let faults = [Fault(.reboot(2), at: .read(1)), Fault(.slow(8), at: .read(3))]
        #expect(try RegressionTests.run("node deleted by hand", faults, web: 8, seed: 500_433_722) == [])
        let slower = [Fault(.reboot(2), at: .read(2)), Fault(.slow(25), at: .read(3))]
        #expect(try RegressionTests.run("node deleted by hand", slower, seed: 430_099_715) == [])
    }

    /// Over 10 nodes, seeds 560847734 and 600004894: who ended a fleet stood still while its Lease ran out, and went on at once for the server was
    /// silent, or a minute longer for it had been.
    @Test(arguments: 5..<8) func silenceDoesNotEndTheLeaseOfAnother(read: Int) throws {
        for effect in 4..<7 {
            let long = [Fault(.rival, at: .read(read)), Fault(.pause(90), at: .effect(effect)), Fault(.dark(600), at: .effect(effect + 6))]
            #expect(try RegressionTests.run("destroy", long, web: 8, seed: 560_847_734) == [])
            for later in [15, 17, 19] {
                let short = [
                    Fault(.rival, at: .read(read)), Fault(.pause(30), at: .effect(effect)), Fault(.apiOutage(20), at: .read(later)),
                ]
                #expect(try RegressionTests.run("destroy", short, web: 8, seed: 600_004_894) == [])
            }
        }
    }

    /// A node that had rejoined by its own reboot was restarted by a reading of the cluster of ten minutes ago, when its host answered at last.
    @Test(arguments: 0..<3, 4..<7) func noReadingOfLongAgoRestartsAMember(reboot: Int, dark: Int) throws {
        let faults = [Fault(.reboot(2), at: .read(reboot)), Fault(.dark(600), at: .read(dark))]
        #expect(try RegressionTests.run("node deleted by hand", faults) == [])
    }

    /// Nobody misses a node that was gone, VM and all, before the file asked for it again.
    @Test func whatWasGoneIsNotDown() throws {
        for faults in [
            [Fault(.vanish(3), at: .effect(0)), Fault(.edit(1), at: .effect(5)), Fault(.edit(0), at: .effect(8))],
            [Fault(.vanish(8), at: .effect(0)), Fault(.crashAfter, at: .effect(4)), Fault(.edit(0), at: .effect(6))],
        ] { #expect(try RegressionTests.run("shrink", faults, restartsAfter: 30) == []) }
    }

    /// Over 10 nodes, seed 620002266: a pass was taken for the last one although a VM came to be after its last list that a dead process had asked
    /// for, and that its damaged ledger did not know.
    @Test func noLedgerKnowsWhatTheDeadAskedFor() throws {
        let faults = [
            Fault(.crashAndDamage, at: .effect(3)), Fault(.reboot(7), at: .effect(6)), Fault(.edit(0), at: .effect(10)),
            Fault(.crashAndDamage, at: .effect(11)),
        ]
        #expect(try RegressionTests.run("shrink", faults, web: 8, seed: 620_002_266, restartsAfter: 1) == [])
    }

    /// Over 10 nodes, seed 650376936: a machine that another one had recreated, after its node had fallen silent, was waited for for ever by a ledger
    /// that did not know it.
    @Test(arguments: [(effect: 44, save: 130), (53, 122)]) func whoHasAnotherAddressIsAnother(effect: Int, save: Int) throws {
        for (rival, crash, pause) in [(2, 5, 5), (1, 18, 2)] {
            let faults = [
                Fault(.rival, at: .effect(rival)), Fault(.crashBefore, at: .effect(crash)), Fault(.vanish(9), at: .effect(effect)),
                Fault(.pause(30), at: .effect(effect + pause)), Fault(.crashInWrite, at: .save(save)),
            ]
            #expect(try RegressionTests.run("pool renamed in a tight budget", faults, web: 8) == [])
        }
    }

    /// Seed 420584677: what was approved was taken for done while the server came up again.
    @Test func aServerThatComesUpIsNotTheEnd() throws {
        let faults = [Fault(.powerCut(1), at: .effect(0)), Fault(.crashAndDamage, at: .effect(1))]
        #expect(try RegressionTests.run("approved in part", faults, seed: 420_584_677, restartsAfter: 1) == [])
    }

    /// Seeds 320058442 and 122704: a removal that was written down and not sent, and one that was given up without its end being written down,
    /// were judged by what had happened and not by what the ledger can know.
    @Test func removalsAreCountedByTheLedger() throws {
        let unsent = [Fault(.edit(1), at: .effect(0)), Fault(.crashBefore, at: .effect(1)), Fault(.crashBefore, at: .effect(3))]
        #expect(try RegressionTests.run("pool renamed", unsent, seed: 320_058_442) == [])
        let unheard = [
            Fault(.crashAfter, at: .effect(0)), Fault(.outage(3600), at: .effect(1)), Fault(.edit(0), at: .effect(11)),
            Fault(.crashInWrite, at: .save(37)),
        ]
        #expect(try RegressionTests.run("pool renamed", unheard, seed: 122_704) == [])
    }

    /// Over 10 nodes, seed 64510566: of a clock that was set back a list of before was taken for one of now, and what another machine had asked for
    /// was asked for once more.
    @Test(arguments: 8..<25) func aClockThatIsSetBackMakesNoListYounger(at effect: Int) throws {
        let faults = [
            Fault(.rival, at: .effect(5)), Fault(.outage(3600), at: .effect(11)), Fault(.clockJump(-Fault.year), at: .effect(effect)),
        ]
        #expect(try RegressionTests.run("first create", faults, web: 8, seed: 64_510_566) == [])
    }

    /// Seed 70571182: who had asked for VMs, died and heard of none of them took one list that lacked them for the truth.
    @Test(arguments: [Fault.Kind.emptyList, .partialList(0), .partialList(1)]) func oneListEndsNoLongPastCreation(lie: Fault.Kind) throws {
        for read in 30..<70 {
            let faults = [Fault(.crashAfterReply, at: .effect(0)), Fault(.rival, at: .effect(3)), Fault(lie, at: .read(read))]
            let violations = try RegressionTests.run("name held by somebody else", faults, seed: 70_571_182, restartsAfter: 10)
            #expect(violations == [], "read \(read)")
        }
    }
}
