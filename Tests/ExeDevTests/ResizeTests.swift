import Testing

@testable import ExeDev

/// What exe.dev may say of a resize: no field is certain.
@Suite struct ResizeTests {
    private static let pending = #"""
        {"vm_name":"a","old_cpus":2,"new_cpus":"4","disk_resize_pending_approval":true,"disk_capacity_bytes":21474836480,
         "requested_disk_bytes":536870912000.0,"self_serve_max_disk_bytes":"107374182400","approval_reasons":["per_vm"],"disk_resize_request":{"id":1}}
        """#

    @Test(arguments: [
        #"{"vm_name":"a"}"#, #"{"vm_name":"a","old_cpus":2,"new_cpus":4}"#, #"{"vm_name":"a","disk_old_bytes":1,"disk_new_bytes":2}"#,
        #"{"vm_name":"a","disk_resize_pending_approval":false,"approval_reasons":[]}"#,
    ])
    func isDone(body: String) async throws {
        let resized = try await ScriptedTransport(200, body).client.resize(NewSize(name: "a", cpu: 4))
        #expect(resized.pendingDisk == nil)
    }

    @Test func theDiskMayHaveToBeApproved() async throws {
        let resized = try await ScriptedTransport(200, Self.pending).client.resize(NewSize(name: "a", cpu: 4, disk: "500GB"))
        #expect(resized.pendingDisk == .init(requestedBytes: 500 << 30, selfServeBytes: 100 << 30, reasons: ["per_vm"]))
        let bare = try await ScriptedTransport(200, #"{"disk_resize_pending_approval":true}"#).client.resize(
            NewSize(name: "a", disk: "9GB"))
        #expect(bare.pendingDisk == .init(requestedBytes: nil, selfServeBytes: nil, reasons: []))
    }

    @Test(arguments: [(422, #"{"error":"64 CPUs exceed the quota of your plan"}"#), (200, #"{"error":"no"}"#), (200, "[]"), (504, "")])
    func refusalsAndOddAnswersThrow(status: Int, body: String) async {
        await #expect(throws: ExeDevError.self) {
            try await ScriptedTransport(status, body).client.resize(NewSize(name: "a", cpu: 64))
        }
    }
}
