import ExeDev
import Synchronization
import Testing

/// A mutating request that waited (429) is sent only while its gate is open.
@Suite struct GateTests {
    private static let busy = HTTPReply(status: 429, headers: [:], body: Array(#"{"error":"slow down"}"#.utf8), isTruncated: false)
    private static let done = HTTPReply(
        status: 200, headers: [:], body: Array(#"{"deleted":["a"],"failed":[]}"#.utf8), isTruncated: false)

    @Test func whatWaitsTooLongIsNotSent() async throws {
        let transport = ScriptedTransport([.success(Self.busy), .success(Self.done)])
        let turns = Mutex(0)
        let client = transport.client.gated {
            turns.withLock {
                $0 += 1; return $0 == 1
            }
        }
        let error = await #expect(throws: ExeDevError.self) { try await client.remove(["a"]) }
        #expect(transport.count == 1)
        guard case .retry? = error?.remedy else {
            Issue.record("nothing was sent, so it may be tried again: \(String(describing: error))")
            return
        }
    }

    @Test func whatIsStillGoodIsSentAgain() async throws {
        let transport = ScriptedTransport([.success(Self.busy), .success(Self.done)])
        #expect(try await transport.client.gated { true }.remove(["a"]).deleted == ["a"])
        #expect(transport.count == 2)
    }

    @Test func readsAreNobodysBusiness() async throws {
        let transport = ScriptedTransport(200, #"{"vms":[]}"#)
        #expect(try await transport.client.gated { false }.list().vms.isEmpty)
    }
}
