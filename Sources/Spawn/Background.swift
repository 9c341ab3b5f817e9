import CSpawn
import Glibc

/// A program that goes on when we end: in a session of its own, with its output in a log.
package struct Background: ~Copyable {
    private let process: pid_t

    /// Throws when the log cannot be written or the program cannot be started. The log is appended to.
    package init(_ program: String, _ arguments: [String], log: String) throws {
        let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Subprocess.Failure(description: "cannot write \(log): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, descriptor, 1)
        posix_spawn_file_actions_adddup2(&actions, descriptor, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, posix_spawn_setsid)
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, program, &actions, &attributes, &words, environ)
        guard code == 0 else { throw Subprocess.Failure(description: "cannot run \(program): \(String(cString: strerror(code)))") }
        self.process = process
    }

    /// Its exit status, or 128 and the signal; nil while it runs. Not to be asked again once it has ended.
    package func ended() -> Int32? {
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f
    }
}
