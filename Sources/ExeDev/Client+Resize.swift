import FoundationEssentials
import Shell

/// What exe.dev says of a resize. No field is certain but the VM's name (facts/exedev.md §1.2).
package struct Resized: Sendable, Hashable {
    /// The disk is larger than exe.dev gives without being asked: it stays as it is until somebody there has approved it.
    package struct PendingDisk: Sendable, Hashable {
        package var requestedBytes: Int?
        package var selfServeBytes: Int?
        package var reasons: [String]
    }

    package var pendingDisk: PendingDisk?
}

struct ResizeReply: Decodable {
    var isPending: Bool?
    var requested: LooseInt?
    var selfServe: LooseInt?
    var reasons: [String]?

    enum CodingKeys: String, CodingKey {
        case isPending = "disk_resize_pending_approval"
        case requested = "requested_disk_bytes"
        case selfServe = "self_serve_max_disk_bytes"
        case reasons = "approval_reasons"
    }

    var resized: Resized {
        guard isPending == true else { return Resized(pendingDisk: nil) }
        let reasons = (reasons ?? []).prefix(8).map { OutsideText.line($0) }
        return Resized(pendingDisk: .init(requestedBytes: requested?.value, selfServeBytes: selfServe?.value, reasons: Array(reasons)))
    }
}

extension ExeDevClient {
    /// cpu and memory count from the next restart on; a disk only grows.
    package func resize(_ size: NewSize) async throws(ExeDevError) -> Resized {
        let command = ExeDevCommand.resize(size)
        let reply: ResizeReply = try decoded(try await document(of: command), command)
        return reply.resized
    }
}
