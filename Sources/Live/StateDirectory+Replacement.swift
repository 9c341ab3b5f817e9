package import FleetCore
import FoundationEssentials
import Glibc
import K3s
import Shell

/// `replace`: nodes that an operator wants to be made again, each with the time of the wish. It stands until it is begun, by whichever run with this
/// state directory comes first, or taken back.
extension StateDirectory {
    package var replaceFile: String { path + "/replace" }

    /// Adds to what is asked for already. Durable when it returns. `now`: seconds since 1970.
    package func requestReplacement(of nodes: [String], now: Double) throws(StateError) {
        try change { $0.merging(nodes.map { ($0, now) }) { _, new in new } }
    }

    /// False when none of them was asked for.
    package func withdrawReplacement(of nodes: [String]) throws(StateError) -> Bool {
        var isThere = false
        try change { before in
            isThere = before.keys.contains { nodes.contains($0) }
            return before.filter { !nodes.contains($0.key) }
        }
        return isThere
    }

    /// Those of the nodes asked for that are not begun, with their wishes. A file that cannot be read asks for nothing.
    package func requestedReplacements(_ ledger: Ledger) -> [String: Double] {
        requests().filter { Self.isOpen($0.key, $0.value, ledger) }
    }

    /// Forgets all that was begun, and all of what the fleet file does not ask for any more.
    package func forgetReplacements(begunIn ledger: Ledger, fleet: DesiredFleet) throws(StateError) {
        let wanted = Set(fleet.nodes.map { $0.name })
        try change { $0.filter { wanted.contains($0.key) && Self.isOpen($0.key, $0.value, ledger) } }
    }

    private static func isOpen(_ node: String, _ wish: Double, _ ledger: Ledger) -> Bool { ledger.replacements?[node]?.wish != wish }

    /// One after the other: a daemon and operators' commands change the file at any time.
    private func change(_ body: ([String: Double]) -> [String: Double]) throws(StateError) {
        guard FileManager.default.fileExists(atPath: replaceFile) || !body([:]).isEmpty else { return }
        try create()
        let lock = open(replaceFile + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .system(replaceFile + ".lock") }
        defer { close(lock) }
        giveToOwner(replaceFile + ".lock")
        while flock(lock, LOCK_EX) != 0 { guard errno == EINTR else { throw .system(replaceFile + ".lock") } }
        let before = requests()
        let after = body(before)
        if after != before { try keepRequests(after) }
    }

    private func requests() -> [String: Double] {
        guard let bytes = try? Self.read(replaceFile) else { return [:] }
        return (try? JSONDecoder().decode([String: Double].self, from: Data(bytes))) ?? [:]
    }

    private func keepRequests(_ requests: [String: Double]) throws(StateError) {
        guard !requests.isEmpty else {
            guard unlink(replaceFile) == 0 || errno == ENOENT else { throw .system(replaceFile) }
            return Self.syncFolder(of: replaceFile)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(requests) else { throw StateError("the request cannot be encoded", advice: nil) }
        try create()
        try Self.replace(replaceFile, with: Array(data) + [10])
        giveToOwner(replaceFile)
    }
}
