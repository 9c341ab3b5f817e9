import CSpawn
import Glibc

/// A program whose standard output and error are read as they come. It has no input, and a process group of its own.
package struct WatchedProgram: ~Copyable {
    /// Ours to read; closed by `ended`.
    package let (output, error): (Int32, Int32)
    private let process: pid_t

    /// `environment` is the program's whole environment.
    package init(_ words: [String], environment: [String: String]) throws {
        var (out, err): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe2(&out, O_CLOEXEC) == 0 else { throw Subprocess.Failure(description: "no pipe: errno \(errno)") }
        guard pipe2(&err, O_CLOEXEC) == 0 else {
            out.forEach { _ = close($0) }
            throw Subprocess.Failure(description: "no pipe: errno \(errno)")
        }
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { [out[1], err[1], nothing].forEach { _ = close($0) } }
        do {
            process = try Subprocess.spawnApart(words, input: nothing, output: out[1], error: err[1], environment: environment)
        } catch {
            [out[0], err[0]].forEach { _ = close($0) }
            throw error
        }
        (output, error) = (out[0], err[0])
    }

    /// Ends it and what it has started.
    package func kill() { _ = Glibc.kill(-process, SIGKILL) }

    /// Waits for its end: its status, or 128 and the signal.
    package consuming func ended() -> Int32 {
        close(output)
        close(error)
        return Subprocess.reap(process)
    }
}
