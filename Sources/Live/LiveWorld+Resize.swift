import ExeDev
package import FleetCore
package import Reconciler

/// Another size of a VM.
extension LiveWorld {
    package func resize(_ step: ResizeVM) async throws(EffectError) -> DiskApproval? {
        let size = Self.newSize(step)
        let resized = try await asking { () async throws(ExeDevError) in try await client.resize(size) }
        return resized.pendingDisk.map {
            DiskApproval(requestedBytes: $0.requestedBytes, selfServeBytes: $0.selfServeBytes, reasons: $0.reasons)
        }
    }

    /// The connection to the machine of before ends with it.
    package func restart(_ step: RestartVM) async throws(EffectError) {
        _ = try await asking { () async throws(ExeDevError) in try await client.restart(step.node) }
        await hosts.forget(step.node)
    }

    static func newSize(_ step: ResizeVM) -> NewSize {
        NewSize(name: step.node, cpu: step.sizes.cpu, memory: step.sizes.memory, disk: step.sizes.disk)
    }
}
