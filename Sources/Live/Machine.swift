import Glibc

enum Machine {
    static var hostname: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The login name of the process's user.
    static let user: String = { getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "" }()

    static var userID: UInt32 { getuid() }

    /// Seconds since 1970 in this machine's time zone, as in `2026-11-28 14:33:40 +0100`.
    static func localTime(_ seconds: Int) -> String {
        var (seconds, parts) = (seconds, tm())
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S %z", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
