import Digest
import FleetCore
import K3s
import Reconciler
import Shell

/// Copies of the cluster's datastore in the state directory.
extension LiveWorld {
    /// Takes a copy on the server, and keeps it here once every byte of it is on the disk.
    func store(_ step: TakeSnapshot, _ script: Script, on vm: ObservedVM) async throws(EffectError) -> String {
        let output = try await hosts.bytes(
            of: script, on: vm, under: ticket?.token, deadline: TakeSnapshot.deadlineSeconds, limit: Self.snapshotLimit, gate: gate)
        do {
            let reading = try SnapshotReading(output)
            let copy = Array(reading.bytes)
            guard hex(sha256(copy)) == reading.sha256 else {
                throw EffectError("the copy of the datastore was damaged on its way", remedy: .retry(after: nil))
            }
            let name = Self.fileName(step, reading.kind, now: SystemClock().now)
            try state.keep(snapshot: name, copy)
            return HostScript.stored(snapshot: name)
        } catch let error as EffectError {
            throw error
        } catch let error as ReadingError {
            throw EffectError("\(error)", remedy: .retry(after: nil))
        } catch {
            throw EffectError(
                "the copy of the datastore cannot be kept: \(error)", remedy: .askOperator(advice: "make room for it, then run again"))
        }
    }

    /// More than a datastore of a fleet that this program can keep; the copy passes through memory.
    private static let snapshotLimit = 512 << 20

    private static func fileName(_ step: TakeSnapshot, _ kind: SnapshotReading.Kind, now: Double) -> String {
        let ending = kind == .sqlite ? "tar.gz" : "etcd"
        return "\(Int(now))-\(step.node)-\(step.version).\(ending)"
    }
}
