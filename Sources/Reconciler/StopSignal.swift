import Synchronization

/// Ends a run between two steps: nothing new is begun, what is under way is waited for. One for each run.
package final class StopSignal: Sendable {
    private let flag = Atomic(false)
    private let stream: AsyncStream<Void>
    private let ending: AsyncStream<Void>.Continuation

    package init() {
        (stream, ending) = AsyncStream.makeStream()
    }

    package var isSet: Bool { flag.load(ordering: .acquiring) }

    package func set() {
        flag.store(true, ordering: .releasing)
        ending.finish()
    }

    /// Returns when it is set or the waiting task is cancelled.
    func wait() async {
        for await _ in stream {}
    }
}
