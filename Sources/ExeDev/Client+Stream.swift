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
    package func run(_ remote: RemoteCommand, write: @escaping @Sendable (RemoteOutput) -> Void) async throws(ExeDevError) -> Int32 {
        try await run(remote.command, write: write)
    }

    /// The same for a line of `ssh` as typed.
    package func run(_ command: ExeDevCommand, write: @escaping @Sendable (RemoteOutput) -> Void) async throws(ExeDevError) -> Int32 {
        let reader = StreamReader(write)
        let reply = try await send(command) { gate throws(TransportFailure) in
            try await transport.stream(Array(command.line.utf8), silence: Self.silence, gate: gate, take: reader.take)
        }
        do throws(StreamReading.Fault) { return try reader.end(reply.trailers) } catch {
            throw .lost(verb: "ssh", reason: transport.redacted(error.text), mayHaveHappened: true)
        }
    }
}

/// A stream's reading, which libcurl's thread feeds.
private final class StreamReader: Sendable {
    private let state = Mutex<(reading: StreamReading, fault: StreamReading.Fault?)>((StreamReading(), nil))
    private let write: @Sendable (RemoteOutput) -> Void

    init(_ write: @escaping @Sendable (RemoteOutput) -> Void) { self.write = write }

    /// False once the answer is no stream, or has said its last: some servers' heartbeat would go on.
    @Sendable func take(_ bytes: [UInt8], _ headers: [String: String]) -> Bool {
        state.withLock { state in
            do throws(StreamReading.Fault) { try state.reading.take(bytes, headers: headers, write: write) } catch { state.fault = error }
            return state.fault == nil && state.reading.exitCode == nil
        }
    }

    func end(_ trailers: [String: String]) throws(StreamReading.Fault) -> Int32 {
        let result: Result<Int32, StreamReading.Fault> = state.withLock { state in
            if let fault = state.fault { return .failure(fault) }
            do throws(StreamReading.Fault) { return .success(try state.reading.end(trailers: trailers, write: write)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
