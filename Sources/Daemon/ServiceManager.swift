import FoundationEssentials
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
    /// sign of life is withheld. `needsSeconds`: the stop is not done in that time; it counts from each message anew.
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
        let state = fields.joined(separator: "\n")
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A name that begins with @ is abstract: its first byte is zero.
        var name = Array(path.utf8.prefix(MemoryLayout.size(ofValue: address.sun_path) - 1))
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, state, state.utf8.count, Int32(MSG_NOSIGNAL), $0, size)
            }
        }
    }
}
