import CLibssh2

/// A command, or a login's shell, whose streams are passed on as they come, until it ends: however long that takes.
extension SSHSession {
    /// `command`: of a POSIX shell; nil is the login's shell. `write` gets what it prints, and whether that is standard error. The result has no output.
    func stream(
        _ command: String?, isOfShell: Bool, terminal: SSHTerminal?, input: SSHInput, write: @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) async throws(SSHError) -> ExecResult {
        let isProven = isOfShell && command != nil && terminal == nil
        await takeTurn()
        defer { passTurn() }
        do throws(SSHError) {
            let channel = try await open(.deadline(.seconds(30)))
            try await begin(channel, command.map { $0 + (isProven ? EndOfStream.proof : "") }, terminal)
            input.start { [weak self] in Task { await self?.wake() } }
            return try await converse(channel, EndOfStream(isProven: isProven), terminal, input, write)
        } catch {
            close()
            throw error
        }
    }

    private func wake() { loop.wake(descriptor) }

    private func begin(_ channel: OpaquePointer, _ command: String?, _ terminal: SSHTerminal?) async throws(SSHError) {
        let deadline = UInt64.deadline(.seconds(30))
        if let terminal {
            let size = terminal.size()
            let code = try await untilDone(deadline, during: "asking for a terminal") {
                libssh2_channel_request_pty_ex(
                    channel, terminal.name, UInt32(terminal.name.utf8.count), nil, 0, size.columns, size.rows, 0, 0)
            }
            guard code == 0 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: false) }
        }
        let code = try await untilDone(deadline, during: "starting the command", sent: true) {
            guard let command else { return libssh2_channel_process_startup(channel, "shell", 5, nil, 0) }
            return libssh2_channel_process_startup(channel, "exec", 4, command, UInt32(command.utf8.count))
        }
        guard code == 0 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: true) }
    }

    private func converse(
        _ channel: OpaquePointer, _ end: EndOfStream, _ terminal: SSHTerminal?, _ input: SSHInput,
        _ write: @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) async throws(SSHError) -> ExecResult {
        var (end, feed, size) = (end, Feed(), terminal?.size())
        while true {
            acknowledge()
            try feed.send(from: input, to: channel) { lastError }
            if !(feed.isHalfSent && blocksOnWriting) { try passOn(channel, &end, write) }
            if libssh2_channel_eof(channel) != 0 { break }
            if let terminal, let before = size, terminal.size() != before {
                size = terminal.size()
                _ = libssh2_channel_request_pty_size_ex(channel, size!.columns, size!.rows, 0, 0)
            }
            // A second each, so that a window that changed is told.
            _ = await loop.ready(descriptor, forWriting: blocksOnWriting, deadline: .deadline(.seconds(1)), on: self)
            guard session != nil else { throw .disconnected(target: "\(target)", reason: "closed", commandSent: true) }
        }
        let deadline = UInt64.deadline(.seconds(10))
        _ = try await untilDone(deadline, during: "the command's end", sent: true) { libssh2_channel_close(channel) }
        _ = try await untilDone(deadline, during: "the command's end", sent: true) { libssh2_channel_wait_closed(channel) }
        var result = ExecResult()
        conclude(channel, &result)
        libssh2_channel_free(channel)
        guard end.isGood(result) else {
            throw .disconnected(target: "\(target)", reason: "the command's channel ended without its exit status", commandSent: true)
        }
        write(end.rest(result), false)
        return result
    }

    private func passOn(
        _ channel: OpaquePointer, _ end: inout EndOfStream, _ write: @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) throws(SSHError) {
        var buffer = [UInt8](repeating: 0, count: 32768)
        for stream in [Int32(0), 1] {
            while true {
                let count = buffer.withUnsafeMutableBytes { bytes in
                    libssh2_channel_read_ex(channel, stream, bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
                }
                if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) { break }
                guard count > 0 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: true) }
                write(stream == 1 ? buffer[..<count] : end.passes(buffer[..<count]), stream == 1)
            }
        }
    }
}

/// Standard input on its way.
private struct Feed {
    private var bytes: [UInt8] = []
    private var (isEnded, endIsSent) = (false, false)
    /// A packet of it is half sent: it must go before anything else (libssh2 #713).
    private(set) var isHalfSent = false

    mutating func send(from input: SSHInput, to channel: OpaquePointer, _ error: () -> String) throws(SSHError) {
        isHalfSent = false
        while true {
            if bytes.isEmpty { (bytes, isEnded) = isEnded ? ([], true) : try input.take() }
            guard !bytes.isEmpty else { break }
            let count = bytes.withUnsafeBytes {
                libssh2_channel_write_ex(channel, 0, $0.baseAddress!.assumingMemoryBound(to: CChar.self), min($0.count, 32768))
            }
            if count == Int(LIBSSH2_ERROR_EAGAIN) {
                isHalfSent = true
                return
            }
            // Who reads nothing more has its reasons; what it answers is still read.
            // Nothing is sent behind a gap.
            guard count > 0 else { return (bytes, isEnded, endIsSent) = ([], true, true) }
            bytes.removeFirst(count)
        }
        if isEnded, !endIsSent { endIsSent = libssh2_channel_send_eof(channel) == 0 }
    }
}

/// A channel that closes early has no exit status, and libssh2 reports 0 (libssh2 #2515; observed 2026-11-26 with
/// `ChannelTimeout` of sshd 9.2 and libssh2 1.10): success is proved by a mark behind the output, which is
/// kept back.
struct EndOfStream {
    static let mark = Array("\u{1e}__EXEDEV_END__\n".utf8)
    static let proof = " && printf '\\036__EXEDEV_END__\\n'"

    let isProven: Bool
    private var kept: [UInt8] = []

    init(isProven: Bool) { self.isProven = isProven }

    /// What of it may be passed on now: all but what may be the mark's beginning, so that a prompt passes at once.
    mutating func passes(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard isProven else { return bytes }
        kept += bytes
        let held = (0...min(kept.count, Self.mark.count)).last { Self.mark.starts(with: kept.suffix($0)) } ?? 0
        defer { kept = Array(kept.suffix(held)) }
        return kept.prefix(kept.count - held)
    }

    func isGood(_ result: ExecResult) -> Bool { !isProven || result.exitStatus != 0 || kept == Self.mark }

    /// What was kept back and is no mark.
    func rest(_ result: ExecResult) -> ArraySlice<UInt8> { isProven && result.exitStatus != 0 ? kept[...] : [] }
}
