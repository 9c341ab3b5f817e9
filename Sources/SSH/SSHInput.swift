import Dispatch
import Glibc
import Synchronization

/// Standard input for a remote command, read by a thread of its own: a terminal or a pipe may say nothing for long.
package final class SSHInput: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isEnded = false
        var wake: (@Sendable () -> Void)?
    }

    /// Bytes that are read ahead of the host.
    private static let most = 256 << 10

    private let state = Mutex(State())
    private let room = DispatchSemaphore(value: 0)
    private let descriptor: Int32

    package init(descriptor: Int32) { self.descriptor = descriptor }

    /// `wake` is called when there is more, or the end.
    func start(wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
        DispatchQueue(label: "standard input").async { [self] in
            var chunk = [UInt8](repeating: 0, count: 32768)
            while true {
                let count = read(descriptor, &chunk, chunk.count)
                if count < 0 && errno == EINTR { continue }
                let (isFull, wake) = state.withLock { state in
                    if count > 0 { state.bytes += chunk[..<count] } else { state.isEnded = true }
                    return (state.bytes.count >= Self.most, state.wake)
                }
                wake?()
                if count <= 0 { return }
                if isFull { room.wait() }
            }
        }
    }

    /// What was read since the last time, and whether that is all.
    func take() -> (bytes: [UInt8], isEnded: Bool) {
        let (bytes, isEnded, wasFull) = state.withLock { state in
            defer { state.bytes = [] }
            return (state.bytes, state.isEnded, state.bytes.count >= Self.most)
        }
        if wasFull { room.signal() }
        return (bytes, isEnded)
    }
}

/// A terminal for a remote program, in characters.
package struct SSHTerminal: Sendable {
    package var name: String
    /// Asked again and again, for a window may change.
    package var size: @Sendable () -> (columns: Int32, rows: Int32)

    package init(name: String, size: @escaping @Sendable () -> (columns: Int32, rows: Int32)) { (self.name, self.size) = (name, size) }
}
