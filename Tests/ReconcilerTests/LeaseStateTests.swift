import FleetCore
import K3s
import Testing

@testable import Reconciler

@Suite struct LeaseStateTests {
    private static func held(at now: Double) -> LeaseState {
        var lease = LeaseState()
        lease.ask(now)
        lease.note(.success(.ours), now + 1)
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
        lease.note(.success(.ours), 139)
        #expect(lease.isFirm(139.5) && !lease.isFirm(140))
    }

    @Test func isRenewedBeforeWorkMustStop() {
        let lease = Self.held(at: 100)
        #expect(lease.nextAsk(101) == 130)
        var asking = lease
        asking.ask(130)
        #expect(asking.nextAsk(131) == nil && asking.isFirm(131))
    }

    @Test func givesWayToARivalAndAsksAgain() {
        var lease = Self.held(at: 100)
        lease.ask(130)
        lease.note(.success(.held(by: "other/1", left: 40)), 131)
        #expect(!lease.isFirm(131) && !lease.mustBeReleased)
        #expect(lease.block(131) == .leaseHeld(name: "kube-system/exedev-k8s", by: "other/1", seconds: 41))
        #expect(lease.nextAsk(131) == 141)
        #expect(lease.block(172) == nil)
    }

    @Test func aFailedQuestionIsAskedAgainSoonAndProvesNothing() {
        var lease = LeaseState()
        lease.ask(100)
        lease.note(.failure(EffectError("no route", remedy: .retry(after: nil))), 101)
        #expect(!lease.isFirm(101) && lease.nextAsk(101) == 103 && lease.block(101) == nil)
    }

    @Test func readsTheAnswer() throws {
        #expect(try LeaseAnswer.parse("lease=ours\n") == .ours)
        #expect(try LeaseAnswer.parse("lease=taken other/1\n") == .taken(from: "other/1"))
        #expect(try LeaseAnswer.parse("warning\nlease=held other/1 12\n") == .held(by: "other/1", left: 12))
        #expect(throws: ReadingError.self) { try LeaseAnswer.parse("lease=perhaps\n") }
        #expect(throws: ReadingError.self) { try LeaseAnswer.parse("") }
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
        holding.note(.success(.held(by: "other/1", left: 5)), 162)
        holding.ask(170)
        #expect(!holding.mayHaveTaken, "another question's answer is known")
    }
}
