import Glibc

/// Notifies systemd over `NOTIFY_SOCKET` (sd_notify(3)). Does nothing without that variable.
struct ServiceManager: Sendable {
    private let path: String?
    /// The unit's `WatchdogSec=`; nil without a watchdog.
    let watchdog: Double?

    init(environment: [String: String]) {
        path = environment["NOTIFY_SOCKET"]
        let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap(Double.init).map { $0 / 1_000_000 } : nil
    }

    func ready(_ status: String) { send("READY=1", Self.status(status)) }

    /// Called by the loop after each event. Without `isSound` a pass hangs, and the watchdog is not fed. `needsSeconds` extends the stop
    /// timeout, counted from this message.
    func pulse(_ status: String, isSound: Bool, needsSeconds seconds: Int?) {
        var fields = [Self.status(status)]
        if watchdog != nil, isSound { fields.append("WATCHDOG=1") }
        if let seconds { fields.append("EXTEND_TIMEOUT_USEC=\(seconds * 1_000_000)") }
        send(fields)
    }

    /// `ready` ends the reload.
    func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1", "MONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }

    func stopping() { send("STOPPING=1") }

    /// One line of bounded length: a second line would be another field.
    private static func status(_ text: String) -> String {
        "STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " / ").prefix(800)
    }

    private func send(_ fields: String...) { send(fields) }

    private func send(_ fields: [String]) {
        guard let path else { return }
        // Best effort: systemd may have closed the socket.
        _ = Datagram.send(Array(fields.joined(separator: "\n").utf8), to: path)
    }
}
