import Dispatch
import Glibc
import Synchronization

/// Standard input for a remote command, read by a thread of its own: a terminal or a pipe may say nothing for long.
package final class SSHInput: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isEnded = false
        /// Why there is no more, although this was not all.
        var failure: String?
        /// Bytes that were read.
        var count = 0
        var wake: (@Sendable () -> Void)?
    }

    /// Bytes that are read ahead of the host.
    private static let most = 256 << 10

    private let state = Mutex(State())
    private let room = DispatchSemaphore(value: 0)
    private let descriptor: Int32

    private let atEnd: @Sendable (Int) throws -> [UInt8]

    /// `atEnd` gets the count of all bytes once the end was read, and gives what is sent behind them; it throws when these were not all.
    package init(descriptor: Int32, atEnd: @escaping @Sendable (_ count: Int) throws -> [UInt8] = { _ in [] }) {
        (self.descriptor, self.atEnd) = (descriptor, atEnd)
    }

    /// Not all could be read.
    package var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// `wake` is called when there is more, or the end.
    func start(wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
        DispatchQueue(label: "standard input").async { [self] in
            var chunk = [UInt8](repeating: 0, count: 32768)
            while true {
                let count = read(descriptor, &chunk, chunk.count)
                if count < 0 && errno == EINTR { continue }
                let last = count > 0 ? nil : end(errno: count < 0 ? errno : 0)
                let (isFull, wake) = state.withLock { state in
                    state.bytes += last?.bytes ?? Array(chunk[..<count])
                    state.count += max(0, count)
                    (state.isEnded, state.failure) = (last != nil, last?.failure)
                    return (state.bytes.count >= Self.most, state.wake)
                }
                wake?()
                if last != nil { return }
                if isFull { room.wait() }
            }
        }
    }

    /// What is sent behind all. Input that was closed before we began is empty (its number may then be the runtime's epoll, which nobody
    /// reads: EINVAL), and a terminal that is gone has ended.
    private func end(errno code: Int32) -> (bytes: [UInt8], failure: String?) {
        guard [0, EBADF, EINVAL].contains(code) || code == EIO && isatty(descriptor) == 1 else {
            return ([], "standard input cannot be read: \(String(cString: strerror(code)))")
        }
        do {
            return (try atEnd(state.withLock { $0.count }), nil)
        } catch {
            return ([], "\(error)")
        }
    }

    /// What was read since the last time, and whether that is all. Throws when no more can be read.
    func take() throws(SSHError) -> (bytes: [UInt8], isEnded: Bool) {
        let (bytes, isEnded, failure, wasFull) = state.withLock { state in
            defer { state.bytes = [] }
            return (state.bytes, state.isEnded, state.failure, state.bytes.count >= Self.most)
        }
        if let failure { throw .inputFailed(reason: failure) }
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
