import Glibc

/// A file of lines that only grows, 0600 from its first byte. When it is full it becomes `PATH.1`, that one `PATH.2`, and so on; the
/// oldest goes. There is one writer: whoever holds the fleet's lock.
struct LineFile: ~Copyable {
    private let path: String
    /// Bytes that a file holds at most, unless one line alone is longer.
    private let limit: Int
    /// Full files that are kept besides the one that grows.
    private let kept: Int
    private var descriptor: Int32 = -1
    private var size = 0
    /// The last line has no end: a crash or a full disk cut it. The next line begins with the missing end, so it stays whole.
    private var isTorn = false

    /// Nothing is made until the first line.
    init(_ path: String, limit: Int, kept: Int) {
        (self.path, self.limit, self.kept) = (path, limit, kept)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Durable when it returns. One write(2), so that a crash leaves at most one torn line, at the end.
    mutating func append(_ line: String) throws(StateError) {
        if descriptor < 0 { try begin() }
        let bytes = Array(((isTorn ? "\n" : "") + line + "\n").utf8)
        if size > 0, size + bytes.count > limit {
            try rotate()
            return try append(line)
        }
        var count = -1
        repeat { count = write(descriptor, bytes, bytes.count) } while count < 0 && errno == EINTR
        guard count == bytes.count else {
            let reason = count < 0 ? String(cString: strerror(errno)) : "a line was cut, is the disk full?"
            if count > 0 { (isTorn, size) = (true, size + count) }
            throw StateError("\(path): \(reason)", advice: nil)
        }
        (isTorn, size) = (false, size + count)
        guard fdatasync(descriptor) == 0 else { throw .system(path) }
    }

    private mutating func begin() throws(StateError) {
        descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        var facts = stat()
        guard descriptor >= 0, fchmod(descriptor, 0o600) == 0, fstat(descriptor, &facts) == 0 else { throw .system(path) }
        size = Int(facts.st_size)
        if size == 0 { StateDirectory.syncFolder(of: path) }
        var last: UInt8 = 0
        isTorn = size > 0 && !(pread(descriptor, &last, 1, off_t(size - 1)) == 1 && last == UInt8(ascii: "\n"))
    }

    private mutating func rotate() throws(StateError) {
        for number in stride(from: kept, through: 1, by: -1) {
            let older = Self.name(path, number)
            guard rename(Self.name(path, number - 1), older) == 0 || errno == ENOENT else { throw .system(older) }
        }
        close(descriptor)
        (descriptor, size, isTorn) = (-1, 0, false)
        StateDirectory.syncFolder(of: path)
    }

    private static func name(_ path: String, _ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }

    /// Every whole line there is, the oldest first. Needs no lock: files are opened from the newest to the oldest, which is the way that
    /// they move, so a rotation meanwhile shows a file twice but hides none; the second time it is known by its inode.
    static func lines(of path: String, kept: Int) throws(StateError) -> [Substring] {
        var texts: [String] = []
        var known: Set<ino_t> = []
        for number in 0...kept {
            let file = name(path, number)
            let descriptor = open(file, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                if errno == ENOENT { continue }
                throw .system(file)
            }
            defer { close(descriptor) }
            var facts = stat()
            guard fstat(descriptor, &facts) == 0 else { throw .system(file) }
            guard known.insert(facts.st_ino).inserted else { continue }
            texts.append(String(decoding: try StateDirectory.read(descriptor, of: file), as: UTF8.self))
        }
        return texts.reversed().flatMap { text in
            text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().filter { !$0.isEmpty }
        }
    }
}
