import Daemon
import FleetCore
import Foundation
import Glibc
import Reconciler
import Synchronization
import Testing

@testable import CommandLine

/// Stands still, so that a line's time is known.
private struct StoppedClock: WallClock {
    let now = 1_795_000_000.0
    let uptime = 0.0
    func sleep(seconds: Double) async throws {}
}

/// What was printed, in its order.
private final class Printed: Sendable {
    private let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0 } }
    func add(_ text: String) { list.withLock { $0.append(text) } }
}

/// A journal's socket, and what comes in.
private final class JournalSocket {
    let path = NSTemporaryDirectory() + "/journal-" + UUID().uuidString.prefix(8)
    private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)

    init() throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(code == 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// What was sent is there before the sender goes on.
    func next() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : Array(buffer[..<count])
    }
}

@Suite struct LogTests {
    static let fleet = FleetFile.parse(
        #"{apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1}, pools: {web: {nodes: 1}}}"#, file: "f"
    ).fleet!
    static let entries = [
        LogEntry(.nodeBlocked, node: "web-n1", "blocked: \"no\" tag; tag it"), LogEntry(.fleetSettled, "settled"),
        LogEntry(.reloadRefused, "refused:\n  look ünder it"),
    ]

    private func log(_ format: LogFormat, socket: String = "/nonexistent") -> (DaemonLog, Printed) {
        let printed = Printed()
        let log = DaemonLog(format: format, socket: socket, clock: StoppedClock()) { printed.add($0) }
        log.note(.started(Self.fleet, run: "r1"))
        return (log, printed)
    }

    @Test func plain() {
        let (log, printed) = log(.plain)
        for entry in Self.entries { log.say(entry) }
        #expect(
            printed.all == [
                "keeping the fleet demo: 2 nodes", "web-n1           blocked: \"no\" tag; tag it", "the fleet        settled",
                "refused:\n  look ünder it",
            ])
    }

    @Test func json() {
        let (log, printed) = log(.json)
        for entry in Self.entries { log.say(entry) }
        let time = #""time":"2026-11-18T11:06:40.000Z""#
        #expect(
            printed.all == [
                #"{"cluster":"demo","kind":"started","message":"keeping the fleet demo: 2 nodes","priority":"notice","run":"r1",\#(time)}"#,
                #"{"cluster":"demo","kind":"nodeBlocked","message":"blocked: \"no\" tag; tag it","node":"web-n1","priority":"warning","#
                    + #""run":"r1",\#(time)}"#,
                #"{"cluster":"demo","kind":"fleetSettled","message":"settled","priority":"notice","run":"r1",\#(time)}"#,
                #"{"cluster":"demo","kind":"reloadRefused","message":"refused:\n  look ünder it","priority":"error","run":"r1",\#(time)}"#,
            ])
    }

    @Test func journal() throws {
        let socket = try JournalSocket()
        let (log, printed) = log(.journal, socket: socket.path)
        for entry in Self.entries { log.say(entry) }
        #expect(socket.next() != nil)
        #expect(
            String(decoding: try #require(socket.next()), as: UTF8.self) == """
                MESSAGE=web-n1           blocked: "no" tag; tag it
                PRIORITY=4
                MESSAGE_ID=5666fe00179a4363b9b47eddafec212b
                SYSLOG_IDENTIFIER=exedev-k8s
                CLUSTER=demo
                NODE=web-n1
                RUN_ID=r1
                EXEDEV_K8S_KIND=nodeBlocked

                """)
        #expect(try !String(decoding: #require(socket.next()), as: UTF8.self).contains("NODE="))
        // A value of several lines: its length, 64 bits, little-endian.
        let text = Array("refused:\n  look ünder it".utf8)
        let start = Array("MESSAGE\n".utf8) + [UInt8(text.count), 0, 0, 0, 0, 0, 0, 0] + text + Array("\nPRIORITY=3\n".utf8)
        #expect(try #require(socket.next()).starts(with: start))
        #expect(socket.next() == nil && printed.all == [])
    }

    @Test func aLongMessageIsCut() throws {
        let socket = try JournalSocket()
        let (log, printed) = log(.journal, socket: socket.path)
        _ = socket.next()
        log.say(LogEntry(.passFailed, String(repeating: "x", count: 1 << 20)))
        #expect(try #require(socket.next()).count < 103_000)
        #expect(printed.all == [])
    }

    @Test func printsWhatTheJournalDoesNotTake() {
        let (log, printed) = log(.journal)
        for entry in Self.entries { log.say(entry) }
        #expect(printed.all.last == "<3>refused:\n<3>  look ünder it")
    }

    /// The process may be gone before the journal asks whose it was.
    @Test func printsWhatIsSaidBeforeTheStart() throws {
        let (socket, printed) = (try JournalSocket(), Printed())
        let log = DaemonLog(format: .journal, socket: socket.path, clock: StoppedClock()) { printed.add($0) }
        log.say(LogEntry(.cannotStart, "there is no file"))
        #expect(printed.all == ["<3>there is no file"] && socket.next() == nil)
    }

    @Test func knowsWhereStandardErrorLeads() throws {
        let environment = ["JOURNAL_STREAM": "8:123"]
        #expect(try LogFormat.named("auto", environment: environment, errorIs: "8:123") == .journal)
        #expect(try LogFormat.named("auto", environment: environment, errorIs: "8:124") == .plain)
        #expect(try LogFormat.named("auto", environment: [:], errorIs: "8:123") == .plain)
        #expect(try LogFormat.named("auto", environment: [:], errorIs: nil) == .plain)
        #expect(try LogFormat.named("json", environment: environment, errorIs: "8:123") == .json)
        #expect(throws: UsageError.self) { try LogFormat.named("xml", environment: [:], errorIs: nil) }
    }

    @Test func everyMessageIDIsDocumented() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/events.md"), encoding: .utf8)
        for kind in LogKind.allCases { #expect(page.contains("`\(kind.rawValue)` \(kind.priority.name) `\(kind.messageID)`")) }
    }

    @Test func outletsNeedWhatTheyNeed() throws {
        func outlets(_ words: String..., credentials: String? = nil) throws -> [String] {
            let environment = ["CREDENTIALS_DIRECTORY": credentials].compactMapValues { $0 }
            return try Arguments(words, options: Arguments.Option.outlets).outlets(environment: environment).map(\.name)
        }
        #expect(try outlets() == [])
        #expect(try outlets("--webhook", "https://example.com/x", "--hook", "/bin/true") == ["webhook", "hook"])
        #expect(throws: UsageError.self) { try outlets("--hook", "true") }
        #expect(throws: Failure.self) { try outlets("--hook", "/none") }
        #expect(throws: UsageError.self) { try outlets("--webhook-secret", "/etc/hostname") }
        #expect(throws: UsageError.self) { try outlets("--webhook", "https://a", "--webhook-file", "/b") }
        let refusal = #expect(throws: Failure.self) { try outlets("--webhook", "http://example.com/s3cret") }
        #expect(refusal?.description.contains("s3cret") == false)
        let folder = NSTemporaryDirectory() + "/credentials-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try outlets(credentials: folder) == [])
        try "https://example.com/y\n".write(toFile: folder + "/webhook-url", atomically: false, encoding: .utf8)
        #expect(try outlets(credentials: folder) == ["webhook"])
    }
}
