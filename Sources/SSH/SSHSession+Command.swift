import CLibssh2

/// One command: its standard input, its output and the proof of its end.
extension SSHSession {
    func run(
        _ command: String, isOfShell: Bool, stdin: [UInt8], endsInput: Bool, seconds: Duration, outputLimit: Int, gate: @Sendable () -> Bool
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
            return try await converse(channel, command, isOfShell, stdin, endsInput, outputLimit, deadline)
        } catch {
            // A channel in an unknown state makes the session unusable: the next command opens a new one.
            close()
            if case .timedOut = error, wasSent { throw .deadlineExceeded(target: "\(target)", seconds: Int(seconds.components.seconds)) }
            throw error
        }
    }

    func open(_ deadline: UInt64) async throws(SSHError) -> OpaquePointer {
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
        _ channel: OpaquePointer, _ command: String, _ isOfShell: Bool, _ stdin: [UInt8], _ endsInput: Bool, _ limit: Int,
        _ deadline: UInt64
    ) async throws(SSHError) -> ExecResult {
        let proven = command + (isOfShell ? EndOfStream.proof : "")
        let started = try await untilDone(deadline, during: "the command", sent: true) {
            libssh2_channel_process_startup(channel, "exec", 4, proven, UInt32(proven.utf8.count))
        }
        guard started == 0 else { throw .disconnected(target: "\(target)", reason: lastError, commandSent: true) }
        var result = ExecResult()
        try await feed(channel, stdin, &result, limit, deadline)
        if endsInput {
            _ = try await untilDone(deadline, during: "the command", sent: true) { libssh2_channel_send_eof(channel) }
        }
        while true {
            try drain(channel, &result, limit)
            if libssh2_channel_eof(channel) != 0 { break }
            try await pause(deadline, "the command", sent: true)
        }
        _ = try await untilDone(deadline, during: "the command", sent: true) { libssh2_channel_close(channel) }
        _ = try await untilDone(deadline, during: "the command", sent: true) { libssh2_channel_wait_closed(channel) }
        conclude(channel, &result)
        libssh2_channel_free(channel)
        guard !isOfShell || result.hasProvenEnd(EndOfStream.mark, limit: limit) else {
            throw .disconnected(target: "\(target)", reason: "the command's channel ended without its exit status", commandSent: true)
        }
        return result
    }

    /// Sends standard input and reads output meanwhile, or both sides would wait for each other.
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
                result.keep(buffer[..<count], isError: stream == 1, limit: limit + EndOfStream.mark.count)
            }
        }
    }

    func conclude(_ channel: OpaquePointer, _ result: inout ExecResult) {
        var name: UnsafeMutablePointer<CChar>?
        libssh2_channel_get_exit_signal(channel, &name, nil, nil, nil, nil, nil)
        if let name {
            result.signal = String(cString: name)
            if let session { libssh2_free(session, name) }
        } else {
            result.exitStatus = libssh2_channel_get_exit_status(channel)
        }
    }
}

extension ExecResult {
    fileprivate mutating func keep(_ bytes: ArraySlice<UInt8>, isError: Bool, limit: Int) {
        let room = max(0, limit - stdout.count - stderr.count)
        if bytes.count > room { truncated = true }
        if isError { stderr += bytes.prefix(room) } else { stdout += bytes.prefix(room) }
        // The last bytes are kept even beyond the limit: they hold the end mark.
        if !isError { lastWords = Array((bytes.count < 64 ? lastWords + bytes : Array(bytes)).suffix(64)) }
    }

    /// Whether exit status 0 comes with the end mark. Removes the mark from the output.
    fileprivate mutating func hasProvenEnd(_ mark: [UInt8], limit: Int) -> Bool {
        guard exitStatus == 0 else { return true }
        guard lastWords.suffix(mark.count).elementsEqual(mark) else { return false }
        stdout.removeLast(truncated ? min(stdout.count, max(0, stdout.count + stderr.count - limit)) : mark.count)
        return true
    }
}
