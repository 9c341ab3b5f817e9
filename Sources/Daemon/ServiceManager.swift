import Glibc

/// What systemd is told over `NOTIFY_SOCKET` (sd_notify(3)); nothing when nobody listens.
struct ServiceManager: Sendable {
    private let path: String?
    /// Seconds between two signs of life that systemd accepts; nil when it does not watch.
    let watchdog: Double?

    init(environment: [String: String]) {
        path = environment["NOTIFY_SOCKET"]
        let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap(Double.init).map { $0 / 1_000_000 } : nil
    }

    func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    func status(_ text: String) { send("STATUS=\(text)") }
    func alive() { if watchdog != nil { send("WATCHDOG=1") } }

    /// `ready` ends it.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }

    /// Steps on hosts that are under way are waited for.
    func stopping(needsSeconds seconds: Int) { send("STOPPING=1\nEXTEND_TIMEOUT_USEC=\(seconds * 1_000_000)") }

    private func send(_ state: String) {
        guard let path else { return }
        // Best effort: whoever does not listen any more has no use for it.
        _ = Datagram.send(Array(state.utf8), to: path)
    }
}
