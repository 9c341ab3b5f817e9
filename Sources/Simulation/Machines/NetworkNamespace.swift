import Foundation
import Glibc

/// Sockets that live in another network namespace. A socket keeps the namespace of the thread that made it,
/// so a thread enters the namespace, makes the socket and ends.
enum NetworkNamespace {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Moves the calling thread for good: only for threads of one's own, never for one of the concurrency pool.
    static func enter(_ name: String) throws {
        // Glibc's module does not export setns (it hides behind _GNU_SOURCE).
        typealias SetNamespace = @convention(c) (Int32, Int32) -> Int32
        let cloneNewNet: Int32 = 0x4000_0000
        guard let symbol = dlsym(nil, "setns") else { throw Failure(description: "no setns in libc") }
        let file = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(description: "no network namespace \(name)") }
        defer { close(file) }
        guard unsafeBitCast(symbol, to: SetNamespace.self)(file, cloneNewNet) == 0 else {
            throw Failure(description: "cannot enter the network namespace \(name): errno \(errno)")
        }
    }

    /// A listening socket made inside `name`.
    static func listener(in name: String, address: String, port: UInt16) throws -> Int32 {
        let result = Handover<Result<Int32, any Error>>()
        let thread = Thread {
            result.put(
                Result {
                    try enter(name)
                    return try Sockets.listen(address: address, port: port)
                })
        }
        thread.start()
        return try result.take().get()
    }
}

/// One value handed from one thread to another.
final class Handover<Value: Sendable>: @unchecked Sendable {
    // Safe: `value` is only touched with the condition's lock held.
    private let condition = NSCondition()
    private var value: Value?

    func put(_ new: Value) {
        condition.lock()
        value = new
        condition.signal()
        condition.unlock()
    }

    func take() -> Value {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let value { return value }
            condition.wait()
        }
    }
}
