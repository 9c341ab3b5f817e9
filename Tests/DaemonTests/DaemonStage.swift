import FleetCore
import Foundation
import K3s
import Reconciler
import Synchronization
import Testing

@testable import Daemon
@testable import Live

/// What a test waits for, in the order in which it came.
final class Inbox: Sendable {
    private let stream: AsyncStream<String>
    let door: AsyncStream<String>.Continuation

    init() { (stream, door) = AsyncStream.makeStream() }

    /// The next text that has `words`; what comes before it is gone.
    func next(_ words: String = "") async -> String {
        for await text in stream where words.isEmpty || text.contains(words) { return text }
        return "nothing comes any more"
    }
}

/// Notices as words.
struct Ear: NoticeSink {
    let inbox = Inbox()
    /// Waits where a sink must not.
    var hangs: (@Sendable (Notice) -> Void)?

    func note(_ notice: Notice) {
        switch notice {
        case .started: inbox.door.yield("started")
        case .event(let event): inbox.door.yield("\(event)")
        case .passEnded: inbox.door.yield("pass ended")
        case .passFailed(let reason, let asksOperator, _):
            inbox.door.yield("pass failed\(asksOperator ? ", the operator is asked" : ""): \(reason)")
        case .reloaded: inbox.door.yield("reloaded")
        case .reloadRefused(let reason): inbox.door.yield("refused: \(reason)")
        case .stopping: inbox.door.yield("stopping")
        case .paused(let pause): inbox.door.yield("paused: \(pause.reason ?? "")")
        case .resumed: inbox.door.yield("resumed")
        }
        hangs?(notice)
    }
}

/// An empty account, whose `new` waits for as long as the gate is shut and is refused then.
final class GatedWorld: WorldWriter {
    private let waiting = Mutex<(isShut: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))
    private let no = EffectError("no", remedy: .askOperator(advice: "none"))

    private let missing: Reason?

    init(isShut: Bool = false, missing: Reason? = nil) {
        self.missing = missing
        waiting.withLock { $0.isShut = isShut }
    }

    func credentials() -> Credentials { Credentials(missing: missing) }

    func open() {
        let waiters = waiting.withLock { state in
            defer { state = (false, []) }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func listVMs() async throws(EffectError) -> [ObservedVM] { [] }

    func create(_ step: CreateVM) async throws(EffectError) -> ObservedVM {
        await withCheckedContinuation { continuation in
            let isOpen = waiting.withLock { state in
                if state.isShut { state.waiters.append(continuation) }
                return !state.isShut
            }
            if isOpen { continuation.resume() }
        }
        throw no
    }

    func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe { throw no }
    func readShare(of vm: ObservedVM) async throws(EffectError) -> Share { throw no }
    func answer(to question: ShareQuestion) async throws(EffectError) -> Int { throw no }
    func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading { throw no }
    func tag(_ step: TagVM) async throws(EffectError) { throw no }
    func comment(_ step: CommentVM) async throws(EffectError) { throw no }
    func start(_ step: StartVM) async throws(EffectError) { throw no }
    func resize(_ step: ResizeVM) async throws(EffectError) -> DiskApproval? { throw no }
    func restart(_ step: RestartVM) async throws(EffectError) { throw no }
    func remove(_ step: RemoveVM) async throws(EffectError) { throw no }
    func share(_ step: ShareVM) async throws(EffectError) -> Share { throw no }
    func holdLease(on vm: ObservedVM, _ claim: LeaseClaim) async throws(EffectError) -> LeaseAnswer { throw no }
    func releaseLease(on vm: ObservedVM) async throws(EffectError) { throw no }
    func run(_ action: Action, on vm: ObservedVM) async throws(EffectError) -> String { throw no }
}

/// Stands for systemd: a socket, and everything that was sent to it.
final class NotifySocket: Sendable {
    let path: String
    let inbox = Inbox()
    private let descriptor: Int32

    init(in folder: String) {
        path = folder + "/notify"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = Self.address(path)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        precondition(code == 0, "no socket at \(path)")
        Thread.detachNewThread { [descriptor, inbox] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
                inbox.door.yield(String(decoding: buffer[..<count], as: UTF8.self))
            }
            close(descriptor)
        }
    }

    /// Says something after all that was said so far.
    func mark() {
        let (text, sender) = ("MARK", socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = Self.address(path)
        withUnsafePointer(to: &address) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(sender, text, text.utf8.count, 0, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(sender)
    }

    /// The thread ends with it.
    deinit { shutdown(descriptor, Int32(SHUT_RD)) }

    private static func address(_ path: String) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return address
    }
}

/// A daemon over fleets whose worlds the test holds.
final class DaemonStage: Sendable {
    let folder: String
    let systemd: NotifySocket
    /// Signals that the daemon hears.
    private let signals = Mutex<(@Sendable (Int32) -> Void)?>(nil)

    init() throws {
        folder = "/tmp/daemon-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        systemd = NotifySocket(in: folder)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func file(_ name: String) -> String { "\(folder)/\(name).json" }

    func write(_ name: String, cluster: String? = nil) throws {
        let text =
            #"{apiVersion: "exedev-k8s/v1", cluster: {name: "\#(cluster ?? name)", k3s: "v1.34.9+k3s1", servers: 1}, pools: {}}"#
        try text.write(toFile: file(name), atomically: true, encoding: .utf8)
    }

    struct Bad: Error, CustomStringConvertible { var description: String }

    func source(_ name: String, _ world: GatedWorld) -> FleetSource {
        let (file, folder) = (file(name), folder)
        return FleetSource(file: file) {
            let outcome = FleetFile.parse(try String(contentsOfFile: file, encoding: .utf8), file: file)
            guard let fleet = outcome.fleet else { throw Bad(description: "it has errors") }
            return FleetContext(
                fleet: fleet, state: try StateDirectory(base: folder, cluster: fleet.cluster.name), world: world, traffic: { Traffic() },
                close: {})
        }
    }

    func run(_ sources: [FleetSource], ears: [String: Ear] = [:], watchdog: Double? = nil) async throws {
        var environment = ["NOTIFY_SOCKET": systemd.path]
        if let watchdog { environment["WATCHDOG_USEC"] = String(Int(watchdog * 1_000_000)) }
        let daemon = Daemon(sources: sources, interval: 0.05, environment: environment) { fleet in
            ears[fleet.cluster.name].map { [$0] } ?? []
        }
        try await daemon.run { handler in
            self.signals.withLock { $0 = handler }
            return self
        }
    }

    func signal(_ number: Int32) { signals.withLock { $0 }?(number) }
}
