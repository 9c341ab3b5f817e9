import Foundation
import Glibc

/// A program that was run to its end.
///
/// Not Foundation's `Process`: on Linux that waits until every process that inherited its socket is gone, so a program
/// that leaves a daemon behind (a machine's supervisor, `serve`) would never seem to end.
struct Subprocess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let status: Int32
    let output: Data

    /// Blocks the calling thread until the program ended. `input` (below a pipe's 64 KiB) goes to its standard input; its standard
    /// error is ours unless `quiet`. A daemon that it leaves must have redirected its own standard output.
    static func run(_ program: String, _ arguments: [String], input: Data = Data(), quiet: Bool = false) throws -> Subprocess {
        let (source, sink) = (try ends(), try ends())
        _ = input.withUnsafeBytes { write(source.writing, $0.baseAddress, $0.count) }
        close(source.writing)
        defer {
            close(source.reading)
            close(sink.reading)
        }
        let process: pid_t
        do {
            defer { close(sink.writing) }
            process = try spawn([program] + arguments, reading: source.reading, writing: sink.writing, quiet: quiet)
        }
        let output = drain(sink.reading)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // What the macros of sys/wait.h do: exit status in the second byte, signal in the low seven bits.
        return Subprocess(status: status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f, output: output)
    }

    static func check(_ program: String, _ arguments: [String]) throws {
        let ended = try run(program, arguments)
        guard ended.status == 0 else {
            throw Failure(description: "\(program) \(arguments.prefix(2).joined(separator: " ")) ended with \(ended.status)")
        }
    }

    private static func spawn(_ words: [String], reading: Int32, writing: Int32, quiet: Bool) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, reading, 0)
        posix_spawn_file_actions_adddup2(&actions, writing, 1)
        if quiet { posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) }
        var arguments = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, words[0], &actions, nil, &arguments, environ)
        guard code == 0 else { throw Failure(description: "cannot run \(words[0]): errno \(code)") }
        return process
    }

    private static func ends() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(description: "no pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
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
}
