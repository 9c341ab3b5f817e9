import Daemon
import Foundation
import HTTPServer
import Live
import Reconciler
import Synchronization
import TestSupport
import Testing

/// Keeps what is delivered to it; with a gate, only when that is open.
private final class Recorder: Outlet {
    let name = "recorder"
    let delivered = Log<Announcement>()
    let failure: String?
    private let gate: AsyncStream<Void>?

    init(failure: String? = nil, gate: AsyncStream<Void>? = nil) { (self.failure, self.gate) = (failure, gate) }

    func deliver(_ announcement: Announcement) async -> Delivery {
        delivered.add(announcement)
        if let gate { for await _ in gate {} }
        return Delivery(failure: failure, output: failure == nil ? "" : "a word")
    }
}

@Suite struct NotifierTests {
    /// As the daemon does it: serves while `body` runs, then closes and waits.
    private func delivering(_ notifier: Notifier, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await notifier.serve() }
            defer { notifier.close() }
            try await body()
        }
    }

    @Test func tellsEveryOutlet() async throws {
        let (first, second, logged) = (Recorder(), Recorder(failure: "it answered 410"), Log<LogEntry>())
        let notifier = Notifier([first, second], grace: 60, clock: StillClock()) { logged.add($0) }
        try await delivering(notifier) {
            for notice in [Say.started, Say.stuck, Say.settled, Say.settled] { notifier.note(notice) }
            #expect(await eventually { first.delivered.all.count == 2 && logged.all.count == 4 })
        }
        #expect(first.delivered.all == second.delivered.all)
        #expect(
            first.delivered.all.map { String(decoding: $0.json, as: UTF8.self) } == [
                """
                {"advice":"resume it: exedev-ctl resume a","cluster":"demo","code":"VMPaused","formatVersion":1,"id":"r1-1",\
                "kind":"blocked","node":"a","reason":"the VM is paused","runID":"r1",\
                "text":"a is blocked","time":"2026-11-18T11:06:40.000Z"}
                """,
                """
                {"cluster":"demo","formatVersion":1,"id":"r1-2","kind":"settled","runID":"r1","text":"the fleet is as its file declares",\
                "time":"2026-11-18T11:06:40.000Z"}
                """,
            ])
        #expect(
            logged.all == [
                LogEntry(.hookSaid, node: "a", "the recorder (blocked) says: a word"),
                LogEntry(.notifyFailed, node: "a", "the recorder (blocked) failed: it answered 410"),
                LogEntry(.hookSaid, "the recorder (settled) says: a word"),
                LogEntry(.notifyFailed, "the recorder (settled) failed: it answered 410"),
            ])
    }

    @Test func dropsTheOldestAndSaysSoOnce() async throws {
        let (gate, door) = AsyncStream<Void>.makeStream()
        let (slow, logged) = (Recorder(gate: gate), Log<LogEntry>())
        let notifier = Notifier([slow], queue: 3, grace: 60) { logged.add($0) }
        try await delivering(notifier) {
            notifier.note(Say.started)
            notifier.note(Say.settled)
            #expect(await eventually { slow.delivered.all.count == 1 })
            // Ten more; the loop is not held up by the one that is under way.
            for _ in 0..<5 {
                notifier.note(Say.repair)
                notifier.note(Say.settled)
            }
            #expect(logged.all.map(\.kind) == [.notifyFailed])
            door.finish()
            #expect(await eventually { slow.delivered.all.count == 4 })
        }
        #expect(slow.delivered.all.map(\.id) == ["r1-1", "r1-9", "r1-10", "r1-11"])
    }

    @Test func deliversWhatIsLeftWhenTheDaemonStops() async throws {
        let recorder = Recorder()
        let notifier = Notifier([recorder], grace: 60) { _ in }
        try await delivering(notifier) { notifier.note(Say.settled) }
        #expect(recorder.delivered.all.map(\.kind) == ["settled"])
    }

    @Test func doesNotWaitForEver() async throws {
        let (gate, door) = AsyncStream<Void>.makeStream()
        defer { door.finish() }
        let recorder = Recorder(gate: gate)
        let notifier = Notifier([recorder], clock: StillClock()) { _ in }
        await #expect(throws: CocoaError.self) {
            try await delivering(notifier) {
                notifier.note(Say.settled)
                #expect(await eventually { recorder.delivered.all.count == 1 })
                throw CocoaError(.fileNoSuchFile)
            }
        }
    }

    /// Whatever becomes of an event, its address and its key are in nothing that is logged.
    @Test func secretsAreInNoEntry() async throws {
        let receiver = try Receiver { .init(status: [200, 500, 301, 404][$0 % 4]) }
        let logged = Log<LogEntry>()
        let webhook = try Webhook(url: receiver.url, secret: Array("s3cret-key".utf8), clock: StillClock())
        let notifier = Notifier([WebhookOutlet(webhook)], grace: 60) { logged.add($0) }
        try await delivering(notifier) {
            for _ in 0..<4 {
                notifier.note(Say.settled)
                notifier.note(Say.repair)
            }
        }
        #expect(receiver.requests.count >= 8 && !logged.all.isEmpty)
        for text in logged.all.map(\.text) + receiver.requests.map({ String(decoding: $0.body, as: UTF8.self) }) {
            #expect(!text.contains("s3cret") && !text.contains("127.0.0.1"), "\(text)")
        }
    }
}
