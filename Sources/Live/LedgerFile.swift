package import FleetCore
import FoundationEssentials
import Glibc
import Reconciler
import Shell
import Synchronization

/// `ledger.json`, with `.previous` (before the last write), `.v<N>` (the last one of an older schema) and `.damaged` (unreadable).
/// Files change by rename only, and reading changes none.
extension StateDirectory {
    private var ledgerFile: String { path + "/ledger.json" }
    private var previousLedgerFile: String { ledgerFile + ".previous" }

    /// Nil when there is none yet. `remark` receives what the operator must know about its recovery.
    package func loadLedger(remark: (String) -> Void) throws(StateError) -> Ledger? {
        let bytes = try Self.read(ledgerFile)
        guard bytes != nil || access(previousLedgerFile, F_OK) == 0 else { return nil }
        do throws(StateError) {
            guard let bytes else { throw StateError("\(ledgerFile) is gone", advice: Self.restore) }
            let (ledger, schema) = try decode(bytes, of: ledgerFile)
            try check(ledger)
            if schema < shape.schema {
                remark("\(ledgerFile) is converted from schema \(schema) to \(shape.schema); the old file stays as ledger.json.v\(schema)")
            }
            return ledger
        } catch let trouble where !trouble.isFinal {
            // A disk that lost bytes: what the write before the last one knew is true still, and the rest is read up.
            guard let older = try Self.read(previousLedgerFile), let (ledger, _) = try? decode(older, of: previousLedgerFile) else {
                throw trouble
            }
            try check(ledger)
            remark("\(trouble.message): going on from ledger.json.previous, the ledger as it was before the last write")
            return ledger.doubted(at: SystemClock().now)
        }
    }

    /// Whether the ledger here is lost: there is none, none that can be read, or one that knows no cluster. Throws for one of a newer program.
    package func lacksLedger() throws(StateError) -> Bool {
        do throws(StateError) {
            return try loadLedger { _ in }.map { $0.founder == nil && $0.caHash == nil } ?? true
        } catch  where !error.isFinal {
            return true
        }
    }

    /// The ledger of this fleet; a new one if there is none.
    package func ledger(for fleet: DesiredFleet, remark: (String) -> Void) throws(StateError) -> Ledger {
        let cluster = fleet.cluster
        if let ledger = try loadLedger(remark: remark) {
            try check(ledger, fleet: fleet)
            return ledger.ranged(as: cluster)
        }
        return Ledger(
            cluster: cluster.name, clusterID: Self.randomHex(bytes: 16), clusterCIDR: cluster.clusterCIDR.description,
            serviceCIDR: cluster.serviceCIDR.description
        ).ranged(as: cluster)
    }

    /// Refuses what this program never writes: a ledger of another fleet would set hosts up for another cluster.
    private func check(_ ledger: Ledger, fleet: DesiredFleet? = nil) throws(StateError) {
        let name = String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
        guard let oddity = ledger.oddity(in: name, fleet: fleet) else { return }
        throw StateError("\(ledgerFile): \(oddity)", advice: Self.correct, isFinal: true)
    }

    package func store(_ ledger: Ledger) throws(StateError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(ledger) else { throw StateError("the ledger cannot be encoded", advice: nil) }
        let bytes = Array(data)
        // A pass over a settled fleet writes nothing. The content of the file alone is no proof: its writer may have died before the
        // fsync.
        if stored.isLast(bytes), try Self.read(ledgerFile) == bytes { return }
        try create()
        try keepOld()
        try Self.replace(ledgerFile, with: bytes)
        stored.note(bytes)
    }

    /// Keeps the old file under another name. A damaged file never replaces a good one.
    private func keepOld() throws(StateError) {
        guard let bytes = try Self.read(ledgerFile) else { return }
        guard let (_, schema) = try? decode(bytes, of: ledgerFile) else { return keep("damaged") }
        if schema < shape.schema { keep("v\(schema)") }
        keep("previous")
    }

    private func keep(_ name: String) {
        let (kept, fresh) = ("\(ledgerFile).\(name)", "\(ledgerFile).\(name).new")
        unlink(fresh)
        if link(ledgerFile, fresh) == 0 { rename(fresh, kept) }
    }

    private struct SchemaOnly: Decodable { var schema: Int }

    private static let restore = "restore it from a copy, or run exedev-k8s recover; without it the fleet's VMs are not touched"

    private static let correct = "restore it from a copy, or correct it if you know what stood there; until then nothing is touched"

    /// The ledger in the current format, and the schema of the file.
    private func decode(_ bytes: [UInt8], of file: String) throws(StateError) -> (Ledger, schema: Int) {
        if let place = Self.placeOfControlText(bytes) {
            throw StateError("\(file): \(place): a control character stands in it", advice: Self.correct, isFinal: true)
        }
        guard let schema = try? JSONDecoder().decode(SchemaOnly.self, from: Data(bytes)).schema, schema >= 1 else {
            throw StateError("\(file) cannot be read", advice: Self.restore)
        }
        guard schema <= shape.schema else {
            throw StateError(
                "\(file) has schema \(schema), this program knows schemas up to \(shape.schema)",
                advice: "run the newer exedev-k8s that wrote it: this one would lose what it does not know", isFinal: true)
        }
        do {
            if schema == shape.schema { return (try JSONDecoder().decode(Ledger.self, from: Data(bytes)).cleaned, schema) }
            let old = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
            let data = try JSONEncoder().encode(shape.migrated(old, from: schema))
            return (try JSONDecoder().decode(Ledger.self, from: data).cleaned, schema)
        } catch let error as LedgerShape.NoWay {
            throw StateError(
                "\(file) has schema \(schema) and cannot be brought to \(shape.schema): \(error)",
                advice: "go on with the older exedev-k8s that wrote it, and report this", isFinal: true)
        } catch {
            throw StateError("\(file) cannot be read: \(plainWords(of: error))", advice: Self.restore)
        }
    }

    private static func placeOfControlText(_ bytes: [UInt8]) -> String? {
        // Without an escape, a byte beyond ASCII and a control character there is none, as in every ledger that nobody edited.
        let isPlain = bytes.indices.allSatisfy { place in
            switch bytes[place] {
            case UInt8(ascii: "\\"): place + 1 < bytes.count && [UInt8(ascii: "/"), UInt8(ascii: "\"")].contains(bytes[place + 1])
            case 32..<127, 9, 10, 13: true
            default: false
            }
        }
        return isPlain ? nil : (try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)))?.placeOfControlText()
    }

    /// After destroy: the next fleet of that name is another cluster with other tokens. The ledger is removed last, because a `destroy`
    /// that was interrupted needs it.
    package func removeCluster() throws(StateError) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let copies = names.filter { $0.hasPrefix("ledger.json.") }
        for file in copies + [SecretName.serverToken, .agentToken, .registriesKey].map(\.rawValue) + ["paused", "ledger.json"] {
            guard unlink(path + "/" + file) == 0 || errno == ENOENT else { throw .system(path + "/" + file) }
        }
    }
}

/// The ledger that was stored last, shared by the copies of one `StateDirectory`.
final class StoredLedger: Sendable {
    private let bytes = Mutex<[UInt8]?>(nil)

    func isLast(_ other: [UInt8]) -> Bool { bytes.withLock { $0 == other } }

    func note(_ other: [UInt8]) { bytes.withLock { $0 = other } }
}

extension StateDirectory: Memory {
    package func save(_ ledger: Ledger) throws {
        try store(ledger)
    }
}
