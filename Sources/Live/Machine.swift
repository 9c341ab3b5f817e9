import Glibc

enum Machine {
    static var hostname: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The login name of the process's user.
    static var user: String { getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "" }
}
