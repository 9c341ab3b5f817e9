import FleetCore
import Testing

@testable import Daemon

@Suite struct WorkQueueTests {
    private static let (first, second) = (Action.startVM(name: "a"), Action.startVM(name: "b"))

    @Test func aStepWaitsOnceHoweverOftenThatIsTold() {
        var queue = WorkQueue()
        queue.wait([Self.first, Self.second], 10)
        queue.wait([Self.second, Self.first], 11)
        #expect(queue.depth == 2 && queue.adds == 2)
        queue.begin(Self.first, 13)
        queue.wait([Self.second], 13)
        #expect(queue.depth == 1 && queue.adds == 2 && queue.waits.count == 1 && queue.waits.sum == 3)
        #expect(queue.unfinished(15) == [2])
        #expect(queue.end("a", isDone: true, 17) == .startVM && queue.works.sum == 4 && queue.unfinished(18).isEmpty)
    }

    @Test func whatIsBegunAtOnceIsAddedToo() {
        var queue = WorkQueue()
        queue.begin(Self.first, 10)
        #expect(queue.adds == 1 && queue.depth == 0 && queue.waits.count == 1 && queue.waits.sum == 0)
    }

    /// The plan changed: the step is no item any more.
    @Test func leavesTheQueueWhenItIsNoLongerAskedFor() {
        var queue = WorkQueue()
        queue.wait([Self.first], 10)
        queue.wait([], 11)
        #expect(queue.depth == 0 && queue.adds == 1 && queue.waits.count == 0)
        #expect(queue.end("a", isDone: true, 12) == nil && queue.works.count == 0, "what was not begun has no outcome")
    }

    /// Also in a later pass; and another step on that node is no retry.
    @Test func countsWhatIsBegunAgainAfterAFailure() {
        var queue = WorkQueue()
        for pass in 0..<3 {
            queue.begin(Self.first, 10)
            _ = queue.end("a", isDone: pass == 2, 11)
            queue.endPass(nodes: ["a"])
        }
        #expect(queue.retries == 2)
        queue.begin(Self.first, 20)
        _ = queue.end("a", isDone: false, 21)
        queue.begin(.forget(node: "a"), 22)
        #expect(queue.retries == 2)
    }

    @Test func nothingIsLeftOfAPass() {
        var queue = WorkQueue()
        queue.wait([Self.second], 10)
        queue.begin(Self.first, 10)
        _ = queue.end("a", isDone: false, 11)
        queue.begin(.forget(node: "b"), 11)
        queue.endPass(nodes: ["b"])
        #expect(queue.depth == 0 && queue.unfinished(12).isEmpty)
        queue.begin(Self.first, 13)
        #expect(queue.retries == 0, "of a node that is gone nothing is remembered")
    }
}
