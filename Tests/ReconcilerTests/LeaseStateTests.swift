import FleetCore
import K3s
import Testing

@testable import Reconciler

@Suite struct LeaseStateTests {
    private static func held(at now: Double) -> LeaseState {
        var lease = LeaseState()
        lease.ask(now)
        lease.note(.success(.ours(4)), now + 1)
        return lease
    }

    @Test func isFirmOnlyWhileEnoughOfItIsLeft() {
        #expect(!LeaseState().isFirm(100))
        let lease = Self.held(at: 100)
        #expect(lease.isFirm(101) && lease.isFirm(139) && !lease.isFirm(140) && !lease.isFirm(5000))
    }

    /// The time that an answer took counts against us: the server's clock began when it wrote.
    @Test func countsFromTheQuestion() {
        var lease = LeaseState()
        lease.ask(100)
        lease.note(.success(.ours(4)), 139)
        #expect(lease.isFirm(139.5) && !lease.isFirm(140))
    }

    @Test func isRenewedBeforeWorkMustStop() {
        let lease = Self.held(at: 100)
        #expect(lease.nextAsk(101) == 130)
        var asking = lease
        asking.ask(130)
        #expect(asking.nextAsk(131) == nil && asking.isFirm(131))
    }

    private static func held(_ version: String) -> Result<LeaseAnswer, EffectError> {
        .success(.held(LeaseHold(holder: "other/1", version: version), lasts: 60))
    }

    @Test func givesWayToARivalAndAsksAgain() {
        var lease = Self.held(at: 100)
        lease.ask(130)
        lease.note(Self.held("7"), 131)
        #expect(!lease.isFirm(131) && !lease.mustBeReleased && lease.nextAsk(131) == 141)
        #expect(lease.hindrance(131) == .wait(Wait(.leaseExpiry(seconds: 60))), "its holder may be dead")
        lease.ask(141)
        lease.note(Self.held("8"), 142)
        #expect(lease.hindrance(142) == .blocked(.leaseHeld(name: "kube-system/exedev-k8s", by: "other/1", seconds: 61)))
    }

    /// Whether its holder lives is told by its version and our own clock, whatever the server's says (facts/kubernetes.md #8).
    @Test func isTakenWhenItStoodStillForAsLongAsItLasts() {
        var lease = LeaseState()
        for (number, time) in [100.0, 110, 120, 130, 140, 150, 159].enumerated() {
            lease.ask(time)
            lease.note(Self.held("7"), time)
            #expect(lease.expired(time) == nil && lease.nextAsk(time) == (number < 5 ? time + 10 : 160))
        }
        #expect(lease.expired(160) == LeaseHold(holder: "other/1", version: "7"))
        lease.ask(160)
        lease.note(Self.held("8"), 161)
        #expect(lease.expired(161) == nil && lease.hindrance(161)?.isBlocked == true, "it was renewed at the last moment")
    }

    @Test func noneLastsForYears() {
        var lease = LeaseState()
        lease.ask(100)
        lease.note(.success(.held(LeaseHold(holder: "other/1", version: "7"), lasts: 1_000_000_000)), 100)
        #expect(lease.expired(699) == nil && lease.expired(700) != nil)
    }

    @Test func aFailedQuestionIsAskedAgainSoonAndProvesNothing() {
        var lease = LeaseState()
        lease.ask(100)
        lease.note(.failure(EffectError("no route", remedy: .retry(after: nil))), 101)
        #expect(!lease.isFirm(101) && lease.nextAsk(101) == 103 && lease.hindrance(101) == nil)
    }

    @Test func readsTheAnswer() throws {
        #expect(try LeaseAnswer.parse("lease=ours 4\n") == .ours(4))
        #expect(try LeaseAnswer.parse("lease=taken 5 other/1\n") == .taken(from: "other/1", 5))
        #expect(try LeaseAnswer.parse("warning\nlease=held 7 60 other/1\n") == .held(LeaseHold(holder: "other/1", version: "7"), lasts: 60))
        for text in ["lease=perhaps\n", "lease=ours\n", "lease=taken other/1\n"] {
            #expect(throws: ReadingError.self) { try LeaseAnswer.parse(text) }
        }
        #expect(throws: ReadingError.self) { try LeaseAnswer.parse("") }
    }

    /// The first question of a run raises the number, and so does one after the Lease was another's.
    @Test func isRenewedUnderItsNumber() {
        #expect(LeaseState().claim(100) == LeaseClaim(seconds: 60))
        var lease = Self.held(at: 100)
        #expect(lease.number == 4 && lease.claim(130) == LeaseClaim(seconds: 60, number: 4))
        lease.ask(130)
        lease.note(Self.held("7"), 131)
        #expect(lease.number == nil && lease.claim(191) == LeaseClaim(seconds: 60, expired: LeaseHold(holder: "other/1", version: "7")))
    }

    /// The cluster may have forgotten how far the numbers had come: nothing is begun until ours is above what a host has obeyed.
    @Test func isTakenAgainAboveWhatAHostHasObeyed() {
        var lease = Self.held(at: 100)
        lease.ask(130)
        lease.fenced(by: 9)
        #expect(!lease.isFirm(131))
        lease.note(.success(.ours(4)), 131)
        #expect(!lease.isFirm(131) && lease.nextAsk(131) == -.infinity, "that was asked for before")
        #expect(lease.claim(131) == LeaseClaim(seconds: 60, above: 9))
        lease.ask(131)
        lease.note(.success(.ours(10)), 132)
        #expect(lease.isFirm(132) && lease.number == 10)
    }

    /// The answer that was lost may have been that it was taken from somebody, and the next one is only that it is ours.
    @Test func aLostAnswerMayHaveBeenATakeover() {
        let lost = Result<LeaseAnswer, EffectError>.failure(EffectError("cut", remedy: .observeAgain))
        var fresh = LeaseState()
        fresh.ask(100)
        #expect(!fresh.mayHaveTaken)
        fresh.note(lost, 101)
        fresh.ask(103)
        #expect(fresh.mayHaveTaken)
        var holding = Self.held(at: 100)
        holding.ask(130)
        holding.note(lost, 131)
        holding.ask(133)
        #expect(!holding.mayHaveTaken, "nobody can have had it meanwhile")
        holding.note(lost, 134)
        holding.ask(161)
        #expect(holding.mayHaveTaken)
        holding.note(Self.held("7"), 162)
        holding.ask(170)
        #expect(!holding.mayHaveTaken, "another question's answer is known")
    }
}
