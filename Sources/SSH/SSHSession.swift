import CLibssh2
import Glibc

/// One logged-in connection. Its methods run on the loop's thread; libssh2 never blocks, `EAGAIN` suspends.
/// One command runs at a time (the next waits its turn), so there is never a second writer for libssh2 to refuse (facts/ssh.md §4).
actor SSHSession {
    nonisolated let loop: SSHLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    let target: SSHTarget
    var descriptor: Int32 = -1
    var session: OpaquePointer?
    /// Set if another program carries the stream.
    var way: SSHWay?
    private var isBusy = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    init(loop: SSHLoop, target: SSHTarget) {
        (self.loop, self.target) = (loop, target)
    }

    var isAlive: Bool { session != nil }

    /// Closes the socket and frees the session without a message to the peer: a teardown that waits can wait for ever. Returns the last
    /// words of the program that carried the stream.
    @discardableResult func close() -> String {
        if descriptor >= 0 {
            loop.release(descriptor)
            Glibc.close(descriptor)
            descriptor = -1
        }
        if let session { libssh2_session_free(session) }
        session = nil
        defer { way = nil }
        return way?.end() ?? ""
    }

    // MARK: turns

    func takeTurn() async {
        guard isBusy else {
            isBusy = true
            return
        }
        await withCheckedContinuation { queue.append($0) }
    }

    func passTurn() {
        if queue.isEmpty { isBusy = false } else { queue.removeFirst().resume() }
    }

    // MARK: waiting

    func untilDone(_ deadline: UInt64, during: String, sent: Bool = false, _ step: () -> Int32) async throws(SSHError) -> Int32 {
        while true {
            acknowledge()
            let code = step()
            acknowledge()
            guard code == LIBSSH2_ERROR_EAGAIN else { return code }
            try await pause(deadline, during, sent: sent)
        }
    }

    func pause(_ deadline: UInt64, _ during: String, sent: Bool) async throws(SSHError) {
        guard !Task.isCancelled else { throw .cancelled(commandSent: sent) }
        acknowledge()
        // Checks for cancellation every second, so that a cancelled step ends soon without busy polling.
        let slice = min(deadline, UInt64.deadline(.seconds(1)))
        guard await loop.ready(descriptor, forWriting: blocksOnWriting, deadline: slice, on: self) || monotonicNanoseconds() < deadline
        else {
            throw .timedOut(target: "\(target)", during: during)
        }
        guard session != nil else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: sent) }
    }

    var blocksOnWriting: Bool {
        guard let session else { return false }
        return libssh2_session_block_directions(session) & LIBSSH2_SESSION_BLOCK_OUTBOUND != 0
    }

    /// sshd sends small packets under Nagle and would wait 40 ms for our delayed acknowledgement (facts/ssh.md §3).
    func acknowledge() { if descriptor >= 0 { setOption(Int32(IPPROTO_TCP), TCP_QUICKACK, 1) } }

    var lastError: String {
        guard let session else { return "closed" }
        var text: UnsafeMutablePointer<CChar>?
        libssh2_session_last_error(session, &text, nil, 0)
        return text.map { String(cString: $0) } ?? "unknown"
    }

    func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, name, &value, 4)
    }
}
