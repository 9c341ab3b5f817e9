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

    func ready(_ status: String) { send("READY=1", Self.status(status)) }

    /// Called by the loop each time that something happened, at the least at each tick. `isSound`: something hangs when it is false, and the
    /// sign of life is withheld. `needsSeconds`: the stop is not done in that time; it counts from each message again.
    func pulse(_ status: String, isSound: Bool, needsSeconds seconds: Int?) {
        var fields = [Self.status(status)]
        if watchdog != nil, isSound { fields.append("WATCHDOG=1") }
        if let seconds { fields.append("EXTEND_TIMEOUT_USEC=\(seconds * 1_000_000)") }
        send(fields)
    }

    /// `ready` ends it.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1", "MONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }

    func stopping() { send("STOPPING=1") }

    /// One line of bounded length: each further line would be a message of its own.
    private static func status(_ text: String) -> String {
        "STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " / ").prefix(800)
    }

    private func send(_ fields: String...) { send(fields) }

    private func send(_ fields: [String]) {
        guard let path else { return }
        // Best effort: whoever does not listen any more has no use for it.
        _ = Datagram.send(Array(fields.joined(separator: "\n").utf8), to: path)
    }
}
