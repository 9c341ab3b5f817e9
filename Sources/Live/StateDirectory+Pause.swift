package import FleetCore
import FoundationEssentials
import Glibc
import Shell

/// `paused`: while it is there nothing of the fleet is changed by runs with this state directory.
extension StateDirectory {
    private var pauseFile: String { path + "/paused" }

    private struct PauseRecord: Codable {
        var by: String
        var since: String
        var reason: String?
    }

    /// A file that cannot be read holds the fleet all the same: somebody put it there to be safe.
    package func pause() -> FleetPause? {
        do throws(StateError) {
            guard let bytes = try Self.read(pauseFile) else { return nil }
            guard let record = try? JSONDecoder().decode(PauseRecord.self, from: Data(bytes)) else {
                return FleetPause(by: "", since: nil, reason: "\(pauseFile) cannot be read")
            }
            return FleetPause(
                by: OutsideText.line(record.by), since: AuditRecord.seconds(record.since),
                reason: record.reason.map { OutsideText.line($0) })
        } catch {
            return FleetPause(by: "", since: nil, reason: error.message)
        }
    }

    /// Holds the fleet from `now` on, in seconds since 1970. Durable when it returns.
    package func hold(because reason: String?, now: Double) throws(StateError) {
        let record = PauseRecord(by: Self.operatorName, since: AuditRecord.time(now), reason: reason.map { OutsideText.line($0) })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(record) else { throw StateError("the pause cannot be encoded", advice: nil) }
        try create()
        try Self.replace(pauseFile, with: Array(data) + [10])
        giveToOwner(pauseFile)
    }

    /// The daemon, which is another user, reads and removes it too.
    func giveToOwner(_ file: String) {
        var folder = stat()
        if getuid() == 0, stat(path, &folder) == 0 { chown(file, folder.st_uid, folder.st_gid) }
    }

    /// Ends the hold, durably; false when there was none.
    package func release() throws(StateError) -> Bool {
        guard unlink(pauseFile) == 0 else {
            if errno == ENOENT { return false }
            throw .system(pauseFile)
        }
        Self.syncFolder(of: pauseFile)
        return true
    }

    /// Who ran sudo is the operator.
    private static var operatorName: String {
        let sudo = getenv("SUDO_USER").map { String(cString: $0) } ?? ""
        return "\(sudo.isEmpty ? Machine.user : sudo)@\(Machine.hostname)"
    }
}
