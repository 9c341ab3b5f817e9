import Glibc

/// The only way in which this program reads a file that an operator or another program may have put there.
package enum RegularFile {
    /// Nil when there is no such file. Anything but a regular file is refused: a pipe that nobody writes to never ends.
    package static func read(_ path: String) throws(FileError) -> [UInt8]? {
        // Without O_NONBLOCK the opening of a named pipe waits for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (isInherited(path) ? 0 : O_NONBLOCK))
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw errno == ENXIO ? FileError(description: irregular(path)) : .system(path)
        }
        defer { close(descriptor) }
        return try read(descriptor, of: path)
    }

    /// The whole content of an open file.
    package static func read(_ descriptor: Int32, of path: String) throws(FileError) -> [UInt8] {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .system(path) }
        guard facts.st_mode & S_IFMT == S_IFREG || isInherited(path) || path == "/dev/null" else {
            throw FileError(description: irregular(path))
        }
        var out: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .system(path) }
            if count == 0 { return out }
            out += buffer[..<count]
        }
    }

    /// What the caller's shell opened for us, as in `--token-file <(pass show exe.dev)`.
    private static func isInherited(_ path: String) -> Bool {
        path == "/dev/stdin" || path.hasPrefix("/dev/fd/") || path.hasPrefix("/proc/self/fd/")
    }

    private static func irregular(_ path: String) -> String { "\(path) is no regular file" }
}

/// Why a file cannot be read, with its path.
package struct FileError: Error, Sendable, CustomStringConvertible {
    package var description: String

    package init(description: String) { self.description = description }

    static func system(_ path: String) -> FileError { FileError(description: "\(path): \(String(cString: strerror(errno)))") }
}
