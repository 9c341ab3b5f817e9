import FoundationEssentials
import Glibc

/// Copies of the cluster's datastore, below `snapshots/`.
extension StateDirectory {
    /// How many are kept; the oldest goes first.
    private static let snapshotsKept = 5

    /// Durable when it returns. `name` begins with the time, so that names stand in the order of their age.
    func keep(snapshot name: String, _ bytes: [UInt8]) throws(StateError) {
        try create()
        let folder = path + "/snapshots"
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw .system(folder) }
        try Self.replace(folder + "/" + name, with: bytes)
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasSuffix(".new") }.sorted()
        for old in names.dropLast(Self.snapshotsKept) { unlink(folder + "/" + old) }
    }
}
