import CSpawn
import Glibc
import Synchronization

/// A program that carries a byte stream: its standard input and output are one socket, whose other end is ours.
package final class SocketProgram: Sendable {
    /// Our end, non-blocking. Who takes it closes it.
    package let descriptor: Int32
    private let errors: Int32
    /// Nil once it is reaped.
    private let process: Mutex<pid_t?>

    /// `environment` is the program's whole environment.
    package init(_ words: [String], environment: [String: String]) throws {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        var (stream, errors): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard socketpair(AF_UNIX, type, 0, &stream) == 0 else { throw Subprocess.Failure(description: "no socket pair: errno \(errno)") }
        guard pipe2(&errors, O_CLOEXEC | O_NONBLOCK) == 0 else {
            stream.forEach { _ = close($0) }
            throw Subprocess.Failure(description: "no pipe: errno \(errno)")
        }
        defer {
            close(stream[1])
            close(errors[1])
        }
        do {
            process = Mutex(
                try Subprocess.spawnApart(words, input: stream[1], output: stream[1], error: errors[1], environment: environment))
        } catch {
            close(stream[0])
            close(errors[0])
            throw error
        }
        (descriptor, self.errors) = (stream[0], errors[0])
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit {
        _ = end()
        close(errors)
    }

    /// Ends the program and its children. Returns the first bytes that it wrote to standard error.
    package func end() -> String {
        process.withLock { process in
            guard let group = process else { return "" }
            kill(-group, SIGKILL)
            _ = Subprocess.reap(group)
            process = nil
            var buffer = [UInt8](repeating: 0, count: 2000)
            let count = read(errors, &buffer, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
    }
}
