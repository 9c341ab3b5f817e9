import FleetCore
import Live
import Synchronization
import Testing

@testable import CommandLine

/// Nothing is silent for long: what is waited for is said, and for how long.
@Suite struct PatienceTests {
    private final class Clock: Sendable {
        private let time = Mutex(1000.0)
        var now: Double { time.withLock { $0 } }
        func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
    }

    private let clock = Clock()
    private func patience() -> Patience { Patience(uptime: { [clock] in clock.now }) }

    @Test func saysAfterAWhileWhatIsWaitedForOutside() {
        let patience = patience()
        let isOver = patience.waits.begin("exe.dev's answer to ls", atMost: 35)
        #expect(patience.words() == nil)
        clock.pass(8)
        #expect(patience.words() == "still waiting: exe.dev's answer to ls (8 s of at most 35 s)")
        patience.spoke()
        #expect(patience.words() == nil, "it was just said")
        clock.pass(30)
        #expect(patience.words() == "still waiting: exe.dev's answer to ls (38 s)", "it waits for its turn")
        isOver()
        #expect(patience.words() == nil)
    }

    /// A step of minutes is named, with its host's answer; what has just begun is not worth a word.
    @Test func saysWhichStepIsUnderWay() {
        let patience = patience()
        patience.note(.actionStarted(.drain(Drain(node: "web-n1", isSilent: false)), .notInFleetFile))
        let isOver = patience.waits.begin("an answer of exedev@cp:22 over SSH", atMost: 60)
        clock.pass(9)
        _ = patience.waits.begin("exe.dev's answer to ls", atMost: 35)
        let limit = Int(Drain.deadlineSeconds)
        #expect(
            patience.words()
                == "still waiting: web-n1: drain (9 s of at most \(limit) s); an answer of exedev@cp:22 over SSH (9 s of at most 60 s)")
        isOver()
        patience.note(.actionFinished(.drain(Drain(node: "web-n1", isSilent: false)), seconds: 9))
        #expect(patience.words() == nil)
    }

    @Test func saysWhatNodesWaitFor() {
        let patience = patience()
        for node in ["a", "b", "c", "d", "e"] { patience.note(.waiting(node: node, .vmStarting)) }
        patience.note(.nodeSettled("b"))
        clock.pass(12)
        patience.note(.waiting(node: "a", .awaitingProbe))
        let text = Reason.vmStarting.text
        #expect(patience.words() == "still waiting: c: \(text) (12 s); d: \(text) (12 s); e: \(text) (12 s); 1 more")
        for node in ["a", "c", "d", "e"] { patience.note(.blocked(node: node, .vmPaused(name: node))) }
        #expect(patience.words() == nil)
    }
}
