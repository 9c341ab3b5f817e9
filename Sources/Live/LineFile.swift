import Glibc

/// An append-only file of lines, mode 0600. A full file is rotated to `PATH.1`, that one to `PATH.2`, and so on; the oldest is deleted.
/// The holder of the fleet's lock is the only writer.
struct LineFile: ~Copyable {
    private let path: String
    /// The most bytes in a file, unless one line alone is longer.
    private let limit: Int
    /// Number of rotated files to keep.
    private let kept: Int
    private var descriptor: Int32 = -1
    private var size = 0
    /// The last line has no line end, after a crash or on a full disk. The next line then starts with one.
    private var isTorn = false

    /// Creates no file before the first line.
    init(_ path: String, limit: Int, kept: Int) {
        (self.path, self.limit, self.kept) = (path, limit, kept)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Durable on return. Uses one write(2), so that a crash leaves at most one incomplete line, at the end.
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

    /// Every complete line, oldest first, without a lock: files are opened from newest to oldest, so a rotation meanwhile shows a file
    /// twice but hides none, and the inode identifies the second.
    static func lines(of path: String, kept: Int) throws(StateError) -> [Substring] {
        var texts: [String] = []
        var known: Set<ino_t> = []
        for number in 0...kept {
            let file = name(path, number)
            let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
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
