import Foundation
import Glibc

/// What the relay does to the SSH of a VM, or of all of them.
struct SSHFaults: Codable, Sendable, Equatable {
    /// Addresses or names, `["*"]` for all: connection attempts vanish, as exe.dev's do after a burst (klund, 2026-04-21).
    var drop: [String]?
    /// Connection attempts are refused.
    var refuse: [String]?
    /// A number; whenever it grows, all connections that are open are cut.
    var cut: Int?

    func drops(_ name: String) -> Bool { SSHFaults.matches(drop, name) }
    func refuses(_ name: String) -> Bool { SSHFaults.matches(refuse, name) }

    private static func matches(_ list: [String]?, _ name: String) -> Bool {
        list.map { $0.contains("*") || $0.contains(name) } ?? false
    }
}

/// Carries SSH from 127.42.x.y in the client's network to 10.42.x.y inside the gateway's namespace: exe.dev's SSH proxy.
///
/// One thread owns every socket; it has entered the gateway's namespace, so what it connects starts there.
final class Relay: @unchecked Sendable {
    // Safe: `routes`, `faults` and `stopped` are touched only under `lock`; everything else belongs to the relay's thread.
    struct Route: Equatable {
        let name: String
        let listen: String
        let target: String
    }

    private let lock = NSLock()
    private var routes: [Route] = []
    private var faults = SSHFaults()
    private var stopped = false
    private let namespace: String
    private let port: UInt16
    private let wake: Int32
    private let wakeRead: Int32
    private let home = HomeThread()

    /// `port` is the one that every VM's address listens on.
    init(into namespace: String, port: UInt16) {
        self.namespace = namespace
        self.port = port
        var ends: [Int32] = [0, 0]
        _ = pipe(&ends)
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        wakeRead = ends[0]
        wake = ends[1]
    }

    func start() throws {
        let entered = Handover<Result<Void, any Error>>()
        home.start()
        let listeners = Thread { [self] in serve(entered) }
        listeners.stackSize = 1 << 20
        listeners.start()
        try entered.take().get()
    }

    func set(routes: [Route]) { change { $0.routes = routes } }
    func set(faults: SSHFaults) { change { $0.faults = faults } }
    func stop() { change { $0.stopped = true } }

    private func change(_ body: (Relay) -> Void) {
        lock.lock()
        body(self)
        lock.unlock()
        var one: UInt8 = 1
        write(wake, &one, 1)
    }

    private func wanted() -> (routes: [Route], faults: SSHFaults, stopped: Bool) {
        lock.lock()
        defer { lock.unlock() }
        return (routes, faults, stopped)
    }

    private func serve(_ entered: Handover<Result<Void, any Error>>) {
        let outcome = Result {
            try NetworkNamespace.enter(namespace)
        }
        entered.put(outcome)
        guard case .success = outcome else { return }
        var board = Switchboard(port: port, home: home)
        while true {
            let wish = wanted()
            if wish.stopped {
                board.close()
                return home.end()
            }
            board.obey(routes: wish.routes, faults: wish.faults)
            board.poll(wake: wakeRead)
        }
    }
}

/// A thread that stays in the namespace that the program was started in.
///
/// Started by the relay's owner, not by the relay's thread and not by Dispatch: a thread is born in the namespace of its maker.
final class HomeThread: @unchecked Sendable {
    // Safe: `work` and `ended` are touched only with the condition's lock held.
    private let condition = NSCondition()
    private var work: [@Sendable () -> Void] = []
    private var ended = false

    func start() {
        Thread.detachNewThread { [self] in
            while let next = next() { next() }
        }
    }

    /// Waits until `body` ran over there.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        let result = Handover<Value>()
        condition.lock()
        work.append { result.put(body()) }
        condition.signal()
        condition.unlock()
        return result.take()
    }

    func end() {
        condition.lock()
        ended = true
        condition.signal()
        condition.unlock()
    }

    private func next() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while work.isEmpty, !ended { condition.wait() }
        return work.isEmpty ? nil : work.removeFirst()
    }
}
