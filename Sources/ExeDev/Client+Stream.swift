import FoundationEssentials
import Synchronization

/// A command on a VM that exe.dev runs for us (`ssh` through `POST /exec`): no terminal and no standard input.
package struct RemoteCommand: Sendable, Hashable {
    package var vm: String
    /// The login name, where it is not the image's.
    package var user: String?
    /// Of the login's shell on the VM.
    package var line: String

    package init(vm: String, user: String? = nil, line: String) {
        (self.vm, self.user, self.line) = (vm, user, line)
    }

    /// Lexed twice: by exe.dev, and the last word by the VM's shell (facts/exedev.md §2.2).
    package var command: ExeDevCommand { .typed(["ssh"] + (user.map { ["-l", $0] } ?? []) + [vm, line]) }
}

extension ExeDevClient {
    /// exe.dev's heartbeat is 30 s apart (facts/exedev.md §2.4); after three that are missing nobody answers any more.
    private static let silence = Duration.seconds(100)

    /// Runs it for as long as it takes and returns its exit status, 128 and the signal for a signal. `write` gets what it prints as it comes.
    /// Throws when the answer ends without an exit status: then what became of it is not known.
    package func run(
        _ remote: RemoteCommand, over stream: any StreamingTransport, write: @escaping @Sendable (RemoteOutput) -> Void
    ) async throws(ExeDevError) -> Int32 {
        try await run(remote.command, over: stream, write: write)
    }

    /// The same for a line of `ssh` as typed.
    package func run(
        _ command: ExeDevCommand, over stream: any StreamingTransport, write: @escaping @Sendable (RemoteOutput) -> Void
    ) async throws(ExeDevError) -> Int32 {
        let reader = StreamReader(write)
        do throws(ExeDevError) {
            let reply = try await send(command) { gate throws(TransportFailure) in
                try await stream.stream(Array(command.line.utf8), silence: Self.silence, gate: gate, take: reader.take)
            }
            return try reader.end(reply.trailers)
        } catch {
            if let exitCode = reader.exitCode { return exitCode }
            // What the reader found wrong is why the exchange ended.
            throw reader.fault.map { .lost(verb: "ssh", reason: $0.text, mayHaveHappened: true) } ?? error
        }
    }
}

/// A stream's reading, which libcurl's thread feeds.
private final class StreamReader: Sendable {
    private let state = Mutex<(reading: StreamReading, fault: StreamReading.Fault?)>((StreamReading(), nil))
    private let write: @Sendable (RemoteOutput) -> Void

    init(_ write: @escaping @Sendable (RemoteOutput) -> Void) { self.write = write }

    var fault: StreamReading.Fault? { state.withLock(\.fault) }

    /// Nil while it has not come, and if something wrong came with it.
    var exitCode: Int32? { state.withLock { $0.fault == nil ? $0.reading.exitCode : nil } }

    /// False once the answer is no stream, or has said its last: some servers' heartbeat would go on.
    @Sendable func take(_ bytes: [UInt8], _ headers: [String: String]) -> Bool {
        state.withLock { state in
            do throws(StreamReading.Fault) { try state.reading.take(bytes, headers: headers, write: write) } catch { state.fault = error }
            return state.fault == nil && state.reading.exitCode == nil
        }
    }

    func end(_ trailers: [String: String]) throws(ExeDevError) -> Int32 {
        let status: Int32? = state.withLock { state in
            do throws(StreamReading.Fault) { return try state.reading.end(trailers: trailers, write: write) } catch {
                state.fault = error
                return nil
            }
        }
        guard let status else { throw .lost(verb: "ssh", reason: "the answer has no end", mayHaveHappened: true) }
        return status
    }
}
