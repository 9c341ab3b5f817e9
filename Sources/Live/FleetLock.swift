import Glibc

/// One writer per fleet on this machine. The kernel releases the lock when its holder dies, so no lock is ever stale.
package struct FleetLock: ~Copyable {
    private let descriptor: Int32

    package init(in state: StateDirectory, verb: String) throws(StateError) {
        let file = state.path + "/lock"
        descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(file) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = (try? StateDirectory.read(file)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) } ?? ""
            close(descriptor)
            throw StateError("another run holds \(file): \(holder)", advice: "wait for it, or end that process; the lock goes with it")
        }
        let text = "\(verb), pid \(getpid()) on \(Machine.hostname), since \(time(nil)) (seconds since 1970)"
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.utf8.count, 0)
    }

    deinit { close(descriptor) }
}
