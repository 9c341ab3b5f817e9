import CSpawn
import Dispatch
package import FoundationEssentials
import Glibc
import Synchronization

/// Runs a foreign program with a deadline, and with nothing of ours but its arguments, input and environment.
package struct Confined: Sendable {
    /// The result.
    package struct Ended: Sendable {
        /// The exit status, or 128 and the signal.
        package var status: Int32
        /// Standard output and error together, up to the limit.
        package var output: Data
        /// It was killed, at its deadline or because its task was cancelled.
        package var wasKilled: Bool
    }

    private let program: String
    private let arguments: [String]
    private let environment: [String: String]
    private let seconds: Double
    private let limit: Int

    /// `environment` is the program's whole environment. After `seconds` it is killed with all its children. Output beyond `limit` bytes
    /// is discarded.
    package init(_ program: String, _ arguments: [String] = [], environment: [String: String], seconds: Double, limit: Int) {
        (self.program, self.arguments, self.environment) = (program, arguments, environment)
        (self.seconds, self.limit) = (seconds, limit)
    }

    /// `input`: below a pipe's 64 KiB. Cancelled, it kills the program.
    package func run(input: Data) async throws -> Ended {
        let isCancelled = Flag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async {
                    continuation.resume(with: Result { try runBlocking(input: input, isCancelled: { isCancelled.isRaised }) })
                }
            }
        } onCancel: {
            isCancelled.raise()
        }
    }

    private func runBlocking(input: Data, isCancelled: () -> Bool) throws -> Ended {
        let pipes = try Pipes(input: input)
        let process = try start(pipes)
        _ = fcntl(pipes.output, F_SETFL, O_NONBLOCK)
        var output = Data()
        let end = ContinuousClock.now + .milliseconds(Int(seconds * 1000))
        var wasKilled = false
        while !Self.hasEnded(process) {
            if isCancelled() || ContinuousClock.now >= end {
                wasKilled = true
                break
            }
            // The end of output is not the end of the program: it may close it early or leave it to a child. So both are checked.
            var ready = pollfd(fd: pipes.output, events: Int16(POLLIN), revents: 0)
            if poll(&ready, 1, 20) > 0, !drain(pipes.output, &output) { usleep(20_000) }
        }
        // Not reaped yet, so the number still means this group. This kills the children that it left.
        kill(-process, SIGKILL)
        let status = Subprocess.reap(process)
        _ = drain(pipes.output, &output)
        return Ended(status: status, output: output, wasKilled: wasKilled)
    }

    private func start(_ pipes: borrowing Pipes) throws -> pid_t {
        defer { pipes.closeProgramsEnds() }
        let (input, output) = (pipes.programsInput, pipes.programsOutput)
        return try Subprocess.spawnApart([program] + arguments, input: input, output: output, error: output, environment: environment)
    }

    /// Leaves it to be reaped.
    private static func hasEnded(_ process: pid_t) -> Bool {
        var facts = siginfo_t()
        return waitid(P_PID, id_t(process), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 && facts.si_signo != 0
    }

    /// Reads the available output; false at its end.
    private func drain(_ descriptor: Int32, _ output: inout Data) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let got = read(descriptor, &chunk, chunk.count)
            if got > 0 { output.append(contentsOf: chunk[..<min(got, limit - output.count)]) }
            if got == 0 { return false }
            if got < 0 && errno != EINTR { return true }
        }
    }
}

/// A flag that one thread raises and another reads.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isRaised: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
}
