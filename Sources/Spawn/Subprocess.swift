import CSpawn
package import FoundationEssentials
import Glibc

/// Runs a program to its end. Not Foundation's `Process`: on Linux that waits for every process that inherited its socket, so a program
/// that starts a daemon (a machine's supervisor, `serve`) would never seem to end.
package struct Subprocess: Sendable {
    /// Why a program could not be run, or ended badly.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// The exit status, or 128 and the signal.
    package let status: Int32
    package let output: Data

    /// Blocks the calling thread until the program ends. `input` must fit into a pipe (64 KiB). Standard error is ours unless `quiet`. A
    /// daemon that the program starts must redirect its standard output. Without `environment` the program gets ours.
    package static func run(
        _ program: String, _ arguments: [String], input: Data = Data(), environment: [String: String]? = nil, quiet: Bool = false
    ) throws -> Subprocess {
        let pipes = try Pipes(input: input)
        let process = try spawn([program] + arguments, pipes, environment) { actions in
            if quiet { posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) }
        }
        let output = drain(pipes.output)
        return Subprocess(status: reap(process), output: output)
    }

    /// Runs a program and throws unless it succeeds.
    package static func check(_ program: String, _ arguments: [String]) throws {
        let ended = try run(program, arguments)
        guard ended.status == 0 else {
            throw Failure(description: "\(program) \(arguments.prefix(2).joined(separator: " ")) ended with \(ended.status)")
        }
    }

    private static func drain(_ descriptor: Int32) -> Data {
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let got = read(descriptor, &chunk, chunk.count)
            if got > 0 { data.append(contentsOf: chunk[..<got]) }
            if got == 0 || (got < 0 && errno != EINTR) { return data }
        }
    }

    // MARK: shared with Confined

    /// Waits for the program and reaps it.
    static func reap(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // What the macros of sys/wait.h do: exit status in the second byte, signal in the low seven bits.
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f
    }

    /// Without `environment` the program gets ours. Its standard error is ours unless `adjust` changes that.
    static func spawn(
        _ words: [String], input: Int32, output: Int32, environment: [String: String]? = nil, attributes: inout posix_spawnattr_t,
        adjust: (inout posix_spawn_file_actions_t) -> Void
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        adjust(&actions)
        var arguments = words.map { strdup($0) } + [nil]
        var variables = (environment ?? [:]).map { strdup($0.key + "=" + $0.value) } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var process: pid_t = 0
        let code =
            environment == nil
            ? posix_spawnp(&process, words[0], &actions, &attributes, &arguments, environ)
            : posix_spawnp(&process, words[0], &actions, &attributes, &arguments, &variables)
        guard code == 0 else { throw Failure(description: "cannot run \(words[0]): \(String(cString: strerror(code)))") }
        return process
    }

    /// In a process group of its own, with the signals' default effects: the daemon ignores some, and its threads block others. All that is
    /// open stays here, also locks and connections that a library opened without CLOEXEC.
    static func spawnApart(_ words: [String], input: Int32, output: Int32, error: Int32, environment: [String: String]) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        return try spawn(words, input: input, output: output, environment: environment, attributes: &attributes) { actions in
            posix_spawn_file_actions_adddup2(&actions, error, 2)
            posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        }
    }

    private static func spawn(
        _ words: [String], _ pipes: borrowing Pipes, _ environment: [String: String]?,
        adjust: (inout posix_spawn_file_actions_t) -> Void
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawnattr_destroy(&attributes)
            pipes.closeProgramsEnds()
        }
        return try spawn(
            words, input: pipes.programsInput, output: pipes.programsOutput, environment: environment, attributes: &attributes,
            adjust: adjust)
    }
}

/// A program's standard input, filled and closed, and its output. No other program that is started meanwhile inherits an end.
struct Pipes: ~Copyable {
    /// Our end of its output.
    let output: Int32
    let programsInput: Int32
    let programsOutput: Int32

    init(input: Data) throws {
        var (source, sink): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe2(&source, O_CLOEXEC) == 0 else { throw Subprocess.Failure(description: "no pipe: errno \(errno)") }
        guard pipe2(&sink, O_CLOEXEC) == 0 else {
            let code = errno
            source.forEach { _ = close($0) }
            throw Subprocess.Failure(description: "no pipe: errno \(code)")
        }
        (programsInput, output, programsOutput) = (source[0], sink[0], sink[1])
        // While we hold the reading end, writing can neither fail nor raise SIGPIPE.
        _ = input.withUnsafeBytes { write(source[1], $0.baseAddress, $0.count) }
        close(source[1])
    }

    /// Call it after the start: while we hold the writing end, the program's output has no end.
    func closeProgramsEnds() {
        close(programsInput)
        close(programsOutput)
    }

    deinit { close(output) }
}
