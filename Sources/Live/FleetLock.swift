import Glibc

/// One writer per fleet on this machine. The kernel releases the lock when its holder dies, so no lock is ever stale.
package struct FleetLock: ~Copyable {
    private let descriptor: Int32

    package init(in state: StateDirectory, verb: String) throws(StateError) {
        do throws(StateError) { try state.create() } catch {
            descriptor = -1
            throw error
        }
        let file = state.path + "/lock"
        descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(file) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = (try? StateDirectory.read(file)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) } ?? ""
            close(descriptor)
            throw StateError("another run of this fleet is under way: \(holder)", advice: Self.advice)
        }
        let text = "\(verb), process \(getpid()) on \(Machine.hostname), since \(Machine.localTime(time(nil)))"
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.utf8.count, 0)
    }

    private static let advice =
        "wait until it ends; a daemon applies the fleet file by itself. To stop it: systemctl stop exedev-k8s, or Ctrl-C where it runs, or "
        + "kill with its process number; daemon and apply finish the steps under way"

    /// A daemon keeps the fleet of this directory.
    package static func isHeldByDaemon(in state: StateDirectory) -> Bool {
        let file = state.path + "/lock"
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, let bytes = try? StateDirectory.read(file) else { return false }
        return String(decoding: bytes, as: UTF8.self).hasPrefix("daemon,")
    }

    deinit { close(descriptor) }
}
