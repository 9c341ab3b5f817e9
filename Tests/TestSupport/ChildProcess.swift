import Foundation
package import Glibc

/// A program that a test runs. Its output goes to files, so that nothing has to be drained and a killed program leaves its output.
/// Not Foundation's `Process`, whose waiting hangs when several tests wait at once on Linux.
package final class ChildProcess: Sendable {
    package struct Ended: Sendable {
        /// Exit status, or 128 and the signal.
        package var status: Int32
        package var out: String
        package var err: String
        package var all: String { out + err }
    }

    package struct CannotStart: Error, CustomStringConvertible {
        package var description: String
    }

    package let id: pid_t
    private let outFile: String
    private let errFile: String

    /// `environment` is all the environment there is. `folder` takes the files of the output.
    package init(_ words: [String], environment: [String: String], folder: String, input: String? = nil) throws {
        let stem = folder + "/" + UUID().uuidString
        (outFile, errFile) = (stem + ".out", stem + ".err")
        let inFile = input == nil ? "/dev/null" : stem + ".in"
        if let input { try input.write(toFile: inFile, atomically: false, encoding: .utf8) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, inFile, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outFile, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errFile, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // The threads of tests block signals, and a child that inherits that cannot be ended by SIGTERM.
        var attributes = posix_spawnattr_t()
        var unblocked = sigset_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        sigemptyset(&unblocked)
        posix_spawnattr_setsigmask(&attributes, &unblocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        // What other tests have open is none of its business.
        for descriptor in Int32(3)..<1024 where fcntl(descriptor, F_GETFD) >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0.key + "=" + $0.value) } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, words[0], &actions, &attributes, &arguments, &variables)
        guard code == 0 else { throw CannotStart(description: "cannot run \(words[0]): errno \(code)") }
        id = process
    }

    /// Waits on a thread of its own: a wait on one of the pool's threads would hold up other tests.
    package func ended() async -> Ended {
        let status: Int32 = await withCheckedContinuation { continuation in
            Thread.detachNewThread { [id] in
                var status: Int32 = 0
                while waitpid(id, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f)
            }
        }
        return Ended(status: status, out: Self.text(outFile), err: Self.text(errFile))
    }

    package var saidSoFar: String { Self.text(outFile) + Self.text(errFile) }

    package func signal(_ number: Int32) { kill(id, number) }

    /// Sends a signal as soon as the program has said `words`, or has ended: false when it never said them. Watched on a thread of its own:
    /// tests that compute hold the pool's threads for seconds, in which the program would go on.
    package func signal(_ number: Int32, whenItSays words: String, within seconds: Double = 300) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                let end = ContinuousClock.now + .seconds(seconds)
                var says = saidSoFar.contains(words)
                while !says, ContinuousClock.now < end, !hasEnded {
                    usleep(2000)
                    says = saidSoFar.contains(words)
                }
                kill(id, number)
                continuation.resume(returning: says)
            }
        }
    }

    private var hasEnded: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(id), &information, WEXITED | WNOHANG | WNOWAIT) == 0 && information.si_signo == SIGCHLD
    }

    private static func text(_ file: String) -> String {
        FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// Polls `condition` every few milliseconds; false when it does not hold within `seconds`. The limit is long for slow and busy machines;
/// only a test that fails waits so long.
package func eventually(within seconds: Double = 300, _ condition: () throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try condition()
}
