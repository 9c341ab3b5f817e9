import Digest
import Files
package import FleetCore
import FoundationEssentials
import Glibc
package import K3s
import Reconciler
package import Shell

/// The fleet's directory on this machine: ledger, secrets and lock, all with mode 0600 from the start.
package struct StateDirectory: Sendable {
    package let path: String
    let shape: LedgerShape
    /// The ledger that this process stored last.
    let stored = StoredLedger()

    /// `base` is `--state`, `$STATE_DIRECTORY` or the user's state directory. It must be absolute: a relative path means another cluster
    /// in each working directory. Nothing is made before something is written (`create`). Tests pass another `shape` of the ledger.
    package init(base: String, cluster: String, shape: LedgerShape = .current) throws(StateError) {
        guard base.hasPrefix("/") else {
            throw StateError("the state directory \(base) is not an absolute path", advice: "pass --state with an absolute path")
        }
        path = base + "/" + cluster
        self.shape = shape
    }

    // MARK: generated secrets

    /// The secret's text. Generates it from the kernel's randomness if it does not exist; a token of a cluster that stands cannot be made anew.
    package func secret(_ name: SecretName) throws(StateError) -> String {
        let file = path + "/" + name.rawValue
        if Self.clusterTokens.contains(name), let loss = tokenLoss() { throw loss }
        if let bytes = try Self.read(file) { return String(decoding: bytes, as: UTF8.self) }
        let text = Self.randomHex(bytes: 32)
        try create()
        try Self.replace(file, with: Array(text.utf8))
        return text
    }

    /// The secret's text, if it exists.
    func knownSecret(_ name: SecretName) -> String? {
        (try? Self.read(path + "/" + name.rawValue))?.map { String(decoding: $0, as: UTF8.self) }
    }

    private static let clusterTokens = [SecretName.serverToken, .agentToken]

    /// A token of the cluster is lost or empty although the cluster was founded with it: with another one nobody joins.
    package func tokenLoss() -> StateError? {
        let lost = Self.clusterTokens.filter { name in
            access(path + "/" + name.rawValue, F_OK) != 0 || knownSecret(name)?.allSatisfy(\.isWhitespace) == true
        }
        guard let first = lost.first, let ledger = try? loadLedger(remark: { _ in }), ledger.caHash != nil else { return nil }
        return StateError(
            "\(path)/\(first.rawValue) is lost: the cluster was founded with it, and nobody can join without it",
            advice: "exedev-k8s recover fetches it from a server")
    }

    /// Keeps the tokens of a cluster that was founded from another state directory.
    package func keep(_ record: ServerRecord) throws(StateError) {
        try create()
        for (name, text) in [(SecretName.serverToken, record.serverToken), (.agentToken, record.agentToken)] {
            try Self.replace(path + "/" + name.rawValue, with: Array(text.utf8))
        }
    }

    // MARK: files

    static func randomHex(bytes count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return hex((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    package static func read(_ file: String) throws(StateError) -> [UInt8]? {
        do throws(FileError) { return try RegularFile.read(file) } catch { throw StateError(error.description, advice: nil) }
    }

    static func read(_ descriptor: Int32, of file: String) throws(StateError) -> [UInt8] {
        do throws(FileError) { return try RegularFile.read(descriptor, of: file) } catch {
            throw StateError(error.description, advice: nil)
        }
    }

    private static func refuseDevice(_ file: String) throws(StateError) {
        var facts = stat()
        if lstat(file, &facts) == 0, [S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(facts.st_mode & S_IFMT) {
            throw StateError("\(file) is no regular file", advice: "name a file that is not there yet, or an earlier one")
        }
    }

    /// Throws where `replace` would, as far as that can be told before.
    package static func canReplace(_ file: String) throws(StateError) {
        try refuseDevice(file)
        var facts = stat()
        if stat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR {
            throw StateError("\(file) is a folder", advice: "name a file in it")
        }
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? "."
        guard access(folder, W_OK) == 0 else { throw .system(folder) }
    }

    /// Writes a new file, syncs it and renames it over the old one: a crash leaves the old or the new file, never part of one.
    /// Throws for what is no file, such as a device: a rename would take its place.
    package static func replace(_ file: String, with bytes: [UInt8]) throws(StateError) {
        try refuseDevice(file)
        let temporary = file + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(temporary) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress!, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                close(descriptor)
                throw .system(temporary)
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, file) == 0 else { throw .system(file) }
        syncFolder(of: file)
    }

    /// Makes a file's name durable.
    static func syncFolder(of file: String) {
        let folder = open(String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Makes the folder, or throws where it cannot be written: before the first file of a process is.
    package func create() throws(StateError) {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/" + part
            guard mkdir(partial, 0o700) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES else { throw .system(partial) }
        }
        guard access(path, W_OK) == 0 else { throw .system(path) }
    }
}

package struct StateError: Error, Sendable, CustomStringConvertible {
    package var message: String
    package var advice: String?
    var isFinal: Bool

    package init(_ message: String, advice: String?) {
        self.init(message, advice: advice, isFinal: false)
    }

    init(_ message: String, advice: String?, isFinal: Bool) {
        (self.message, self.advice, self.isFinal) = (message, advice, isFinal)
    }

    static func system(_ path: String) -> StateError { StateError("\(path): \(String(cString: strerror(errno)))", advice: nil) }

    package var description: String { advice.map { "\(message)\n  \($0)" } ?? message }
}

extension StateDirectory {
    /// What the file system says of the directory; nil while there is none.
    package struct Facts: Sendable {
        package var mode: UInt32
        package var isWritable: Bool
        package var freeBytes: UInt64
        /// Another run of the fleet is under way.
        package var isLocked: Bool
    }

    package func facts() -> Facts? {
        var (status, space) = (stat(), statvfs())
        guard stat(path, &status) == 0, statvfs(path, &space) == 0 else { return nil }
        let lock = open(path + "/lock", O_RDONLY | O_CLOEXEC)
        defer { if lock >= 0 { close(lock) } }
        return Facts(
            mode: status.st_mode & 0o777, isWritable: access(path, W_OK) == 0, freeBytes: UInt64(space.f_bavail) * UInt64(space.f_frsize),
            isLocked: lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0)
    }
}
