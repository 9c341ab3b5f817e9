import Foundation

/// A thread that stays in the namespace that the program was started in. The relay's owner starts it, not the relay's thread or Dispatch:
/// a thread inherits the namespace of the thread that starts it.
final class HomeThread: @unchecked Sendable {
    // Safe: `work` and `ended` are touched only with the condition's lock held.
    private let condition = NSCondition()
    private var work: [@Sendable () -> Void] = []
    private var ended = false

    func start() {
        Thread.detachNewThread { [self] in
            while let next = next() { next() }
        }
    }

    /// Waits until `body` ran over there.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        let result = Handover<Value>()
        condition.lock()
        work.append { result.put(body()) }
        condition.signal()
        condition.unlock()
        return result.take()
    }

    func end() {
        condition.lock()
        ended = true
        condition.signal()
        condition.unlock()
    }

    private func next() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while work.isEmpty, !ended { condition.wait() }
        return work.isEmpty ? nil : work.removeFirst()
    }
}
