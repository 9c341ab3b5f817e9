import CLibssh2
import Glibc

/// One logged-in connection. Its methods run on the loop's thread; libssh2 never blocks, `EAGAIN` suspends.
///
/// One command runs at a time (the next waits its turn), so there is never a second writer for libssh2 to refuse (facts/ssh.md §4).
actor SSHSession {
    nonisolated let loop: SSHLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    let target: SSHTarget
    private var descriptor: Int32 = -1
    private var session: OpaquePointer?
    private var isBusy = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    init(loop: SSHLoop, target: SSHTarget) {
        (self.loop, self.target) = (loop, target)
    }

    var isAlive: Bool { session != nil }

    /// Closes the socket and frees the rest without a word to the other side: a teardown that waits can wait for ever.
    func close() {
        if descriptor >= 0 {
            loop.release(descriptor)
            Glibc.close(descriptor)
            descriptor = -1
        }
        if let session { libssh2_session_free(session) }
        session = nil
    }

    // MARK: connecting

    func connect(_ address: Address, keys: [UserKey], rule: HostKeyRule, deadline: UInt64) async throws(SSHError) {
        do throws(SSHError) {
            try await dial(address, deadline)
            try await handshake(rule, deadline)
            try await logIn(keys, deadline)
        } catch {
            close()
            throw error
        }
    }

    private func dial(_ address: Address, _ deadline: UInt64) async throws(SSHError) {
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .notConnected(target: "\(target)", reason: String(cString: strerror(errno))) }
        setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // A peer that vanished is noticed by the kernel; libssh2's keepalive only writes.
        setOption(Int32(IPPROTO_TCP), Int32(TCP_USER_TIMEOUT), 60_000)
        setOption(SOL_SOCKET, SO_KEEPALIVE, 1)
        setOption(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30)
        guard address.connect(descriptor) == 0 || errno == EINPROGRESS else {
            throw .notConnected(target: "\(target)", reason: String(cString: strerror(errno)))
        }
        guard await loop.ready(descriptor, forWriting: true, deadline: deadline, on: self) else {
            throw .timedOut(target: "\(target)", during: "connecting")
        }
        var code: Int32 = 0
        var length = socklen_t(4)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else { throw .notConnected(target: "\(target)", reason: String(cString: strerror(code))) }
    }

    private func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, name, &value, 4)
    }

    private func handshake(_ rule: HostKeyRule, _ deadline: UInt64) async throws(SSHError) {
        session = libssh2_session_init_ex(nil, nil, nil, nil)
        guard let session else { throw .notConnected(target: "\(target)", reason: "libssh2 has no memory") }
        libssh2_session_set_blocking(session, 0)
        Preferences.apply(to: session, keyTypes: knownKeyTypes(rule))
        let code = try await untilDone(deadline, during: "key exchange") { libssh2_session_handshake(session, descriptor) }
        guard code == 0 else {
            let reason = lastError
            if code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_METHOD_NONE {
                throw .noCommonAlgorithm(target: "\(target)", reason: reason)
            }
            throw .disconnected(target: "\(target)", reason: reason, commandSent: false)
        }
        try prove(rule, session)
    }

    var proofName: String { target.hostKeyAlias ?? target.host }

    private func logIn(_ keys: [UserKey], _ deadline: UInt64) async throws(SSHError) {
        guard let session else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: false) }
        for key in keys {
            // Read by libssh2 during the calls below and by nobody else.
            nonisolated(unsafe) let context = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 1)
            context.initialize(to: Unmanaged.passUnretained(key).toOpaque())
            defer { context.deallocate() }
            let code = try await untilDone(deadline, during: "login") {
                libssh2_userauth_publickey(session, target.user, key.blob, key.blob.count, signWithKey, context)
            }
            if code == 0 { return }
            guard code == LIBSSH2_ERROR_AUTHENTICATION_FAILED || code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED else {
                throw .disconnected(target: "\(target)", reason: lastError, commandSent: false)
            }
        }
        throw .authenticationRefused(target: "\(target)", user: target.user, keys: keys.map(\.publicFingerprint))
    }

    // MARK: one command

    func run(
        _ command: String, stdin: [UInt8], seconds: Duration, outputLimit: Int, gate: @Sendable () -> Bool
    ) async throws(SSHError) -> ExecResult {
        await takeTurn()
        defer { passTurn() }
        let deadline = UInt64.deadline(seconds)
        var wasSent = false
        guard gate() else { throw .cancelled(commandSent: false) }
        do throws(SSHError) {
            let channel = try await open(deadline)
            guard gate() else { throw .cancelled(commandSent: false) }
            wasSent = true
            return try await converse(channel, command, stdin, outputLimit, deadline)
        } catch {
            // A channel in an unknown state spoils the session: the next command gets a new one.
            close()
            if case .timedOut = error, wasSent { throw .deadlineExceeded(target: "\(target)", seconds: Int(seconds.components.seconds)) }
            throw error
        }
    }

    private func takeTurn() async {
        guard isBusy else {
            isBusy = true
            return
        }
        await withCheckedContinuation { queue.append($0) }
    }

    private func passTurn() {
        if queue.isEmpty { isBusy = false } else { queue.removeFirst().resume() }
    }

    private func open(_ deadline: UInt64) async throws(SSHError) -> OpaquePointer {
        while true {
            guard let session else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: false) }
            acknowledge()
            if let channel = libssh2_channel_open_ex(session, "session", 7, 2 << 20, 32768, nil, 0) { return channel }
            guard libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN else {
                throw .disconnected(target: "\(target)", reason: lastError, commandSent: false)
            }
            try await pause(deadline, "opening a channel", sent: false)
        }
    }

    private func converse(
        _ channel: OpaquePointer, _ command: String, _ stdin: [UInt8], _ limit: Int, _ deadline: UInt64
    ) async throws(SSHError) -> ExecResult {
        let proven = command + Self.proof
        let started = try await untilDone(deadline, during: "the command", sent: true) {
            libssh2_channel_process_startup(channel, "exec", 4, proven, UInt32(proven.utf8.count))
        }
        guard started == 0 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: true) }
        var result = ExecResult()
        try await feed(channel, stdin, &result, limit, deadline)
        _ = try await untilDone(deadline, during: "the command", sent: true) { libssh2_channel_send_eof(channel) }
        while true {
            try drain(channel, &result, limit)
            if libssh2_channel_eof(channel) != 0 { break }
            try await pause(deadline, "the command", sent: true)
        }
        _ = try await untilDone(deadline, during: "the command", sent: true) { libssh2_channel_close(channel) }
        _ = try await untilDone(deadline, during: "the command", sent: true) { libssh2_channel_wait_closed(channel) }
        conclude(channel, &result)
        libssh2_channel_free(channel)
        guard result.hasProvenEnd(Self.endMark, limit: limit) else {
            throw .disconnected(target: "\(target)", reason: "the command's channel ended without its exit status", commandSent: true)
        }
        return result
    }

    /// What a command that ended well says last. A channel that is closed under a running command ends with no exit status at all, and libssh2
    /// calls that 0 (libssh2 #2515; with `ChannelTimeout` of sshd 9.2 and libssh2 1.10 seen 2026-11-26).
    private static let endMark = Array("\n__EXEDEV_END__\n".utf8)
    private static let proof = " && printf '\\n__EXEDEV_END__\\n'"

    /// Sends standard input; what comes back meanwhile is read, or both sides would wait for each other.
    private func feed(
        _ channel: OpaquePointer, _ stdin: [UInt8], _ result: inout ExecResult, _ limit: Int, _ deadline: UInt64
    ) async throws(SSHError) {
        var offset = 0
        while offset < stdin.count {
            acknowledge()
            let count = stdin.withUnsafeBytes { bytes in
                libssh2_channel_write_ex(
                    channel, 0, bytes.baseAddress!.advanced(by: offset).assumingMemoryBound(to: CChar.self),
                    min(bytes.count - offset, 32768))
            }
            if count > 0 {
                offset += count
            } else if count == Int(LIBSSH2_ERROR_EAGAIN) {
                // A half-sent packet must go first: reading could send a window adjustment into it (libssh2 #713).
                if !blocksOnWriting { try drain(channel, &result, limit) }
                try await pause(deadline, "the command", sent: true)
            } else if libssh2_channel_eof(channel) != 0 {
                return
            } else {
                throw .disconnected(target: "\(target)", reason: lastError, commandSent: true)
            }
        }
    }

    private func drain(_ channel: OpaquePointer, _ result: inout ExecResult, _ limit: Int) throws(SSHError) {
        acknowledge()
        for stream in [Int32(0), 1] {
            while true {
                var buffer = [UInt8](repeating: 0, count: 32768)
                let count = buffer.withUnsafeMutableBytes { bytes in
                    libssh2_channel_read_ex(channel, stream, bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
                }
                if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) { break }
                guard count > 0 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: true) }
                result.keep(buffer[..<count], isError: stream == 1, limit: limit + Self.endMark.count)
            }
        }
    }

    private func conclude(_ channel: OpaquePointer, _ result: inout ExecResult) {
        var name: UnsafeMutablePointer<CChar>?
        libssh2_channel_get_exit_signal(channel, &name, nil, nil, nil, nil, nil)
        if let name {
            result.signal = String(cString: name)
            if let session { libssh2_free(session, name) }
        } else {
            result.exitStatus = libssh2_channel_get_exit_status(channel)
        }
    }

    // MARK: waiting

    private func untilDone(_ deadline: UInt64, during: String, sent: Bool = false, _ step: () -> Int32) async throws(SSHError) -> Int32 {
        while true {
            acknowledge()
            let code = step()
            acknowledge()
            guard code == LIBSSH2_ERROR_EAGAIN else { return code }
            try await pause(deadline, during, sent: sent)
        }
    }

    private func pause(_ deadline: UInt64, _ during: String, sent: Bool) async throws(SSHError) {
        guard !Task.isCancelled else { throw .cancelled(commandSent: sent) }
        acknowledge()
        // Cancellation is looked at every second: a cancelled step ends soon, and nothing polls faster than that.
        let slice = min(deadline, UInt64.deadline(.seconds(1)))
        guard await loop.ready(descriptor, forWriting: blocksOnWriting, deadline: slice, on: self) || monotonicNanoseconds() < deadline
        else {
            throw .timedOut(target: "\(target)", during: during)
        }
        guard session != nil else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: sent) }
    }

    private var blocksOnWriting: Bool {
        guard let session else { return false }
        return libssh2_session_block_directions(session) & LIBSSH2_SESSION_BLOCK_OUTBOUND != 0
    }

    /// sshd sends small packets under Nagle and would wait 40 ms for our delayed acknowledgement (facts/ssh.md §3).
    private func acknowledge() { if descriptor >= 0 { setOption(Int32(IPPROTO_TCP), TCP_QUICKACK, 1) } }

    private var lastError: String {
        guard let session else { return "closed" }
        var text: UnsafeMutablePointer<CChar>?
        libssh2_session_last_error(session, &text, nil, 0)
        return text.map { String(cString: $0) } ?? "unknown"
    }
}
