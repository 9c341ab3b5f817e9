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
/// One thread owns every socket; it has entered the gateway's namespace, so its connections start there.
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

/// The relay's sockets: listeners in the client's namespace, pairs of connections, and who waits for what.
private struct Switchboard {
    private struct Listener {
        var route: Relay.Route
        let descriptor: Int32
        var fillers: [Int32] = []
        var drops: Bool { !fillers.isEmpty }
    }

    private let port: UInt16
    /// By address: a VM may be renamed while its connections stay.
    private var listeners: [String: Listener] = [:]
    private var pairs: [Pair] = []
    private var cuts = 0
    private let home: HomeThread

    init(port: UInt16, home: HomeThread) {
        self.port = port
        self.home = home
    }

    mutating func obey(routes: [Relay.Route], faults: SSHFaults) {
        let open = routes.filter { !faults.refuses($0.name) }
        for listener in listeners.values where !open.contains(where: { $0.listen == listener.route.listen }) {
            shut(listener)
        }
        for route in open {
            if listeners[route.listen] == nil { listeners[route.listen] = listen(for: route) }
            listeners[route.listen]?.route = route
            setDropping(route.listen, faults.drops(route.name))
        }
        if (faults.cut ?? 0) > cuts {
            pairs.forEach { $0.close() }
            pairs = []
        }
        cuts = faults.cut ?? 0
    }

    /// Made by a thread of its own, because this one has left the client's namespace.
    private func listen(for route: Relay.Route) -> Listener? {
        let port = port
        return home.run { try? Sockets.listen(address: route.listen, port: port) }.map { Listener(route: route, descriptor: $0) }
    }

    private mutating func shut(_ listener: Listener) {
        listener.fillers.forEach { Glibc.close($0) }
        Glibc.close(listener.descriptor)
        listeners[listener.route.listen] = nil
        pairs.removeAll { pair in
            guard pair.address == listener.route.listen else { return false }
            pair.close()
            return true
        }
    }

    /// The kernel drops SYNs silently when the accept queue is full: shrink it, fill it ourselves and do not accept.
    private mutating func setDropping(_ address: String, _ dropping: Bool) {
        guard var listener = listeners[address], listener.drops != dropping else { return }
        if dropping {
            Glibc.listen(listener.descriptor, 0)
            let port = port
            listener.fillers = home.run { (0..<3).compactMap { _ in Sockets.connect(address: address, port: port) } }
        } else {
            listener.fillers.forEach { Glibc.close($0) }
            listener.fillers = []
            Glibc.listen(listener.descriptor, 512)
        }
        listeners[address] = listener
    }

    mutating func poll(wake: Int32) {
        let accepting = listeners.values.filter { !$0.drops }
        var set = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
        set += accepting.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        set += pairs.flatMap(\.interests)
        guard Glibc.poll(&set, nfds_t(set.count), 1000) > 0 else { return }
        var woken = [UInt8](repeating: 0, count: 64)
        if set[0].revents != 0 { read(wake, &woken, 64) }
        let firstPair = 1 + accepting.count
        for (index, pair) in pairs.enumerated() {
            pair.step(set[firstPair + 2 * index].revents, set[firstPair + 2 * index + 1].revents)
        }
        for (listener, answer) in zip(accepting, set[1..<firstPair]) where answer.revents != 0 {
            accept(listener)
        }
        pairs.removeAll { pair in
            if pair.isOver { pair.close() }
            return pair.isOver
        }
    }

    private mutating func accept(_ listener: Listener) {
        while true {
            let client = Glibc.accept(listener.descriptor, nil, nil)
            guard client >= 0 else { return }
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            guard let guest = Sockets.connect(address: listener.route.target, port: 22) else {
                Glibc.close(client)
                continue
            }
            pairs.append(Pair(address: listener.route.listen, client: client, guest: guest))
        }
    }

    mutating func close() {
        pairs.forEach { $0.close() }
        listeners.values.forEach { shut($0) }
    }
}

/// A connection from a client and its continuation to the guest.
private final class Pair {
    let address: String
    private var up: Flow
    private var down: Flow
    private var broken = false

    init(address: String, client: Int32, guest: Int32) {
        self.address = address
        up = Flow(from: client, to: guest)
        down = Flow(from: guest, to: client)
        for descriptor in [client, guest] {
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        }
    }

    var isOver: Bool { broken || (up.ended && down.ended) }

    /// What to poll for: the client's end, then the guest's.
    var interests: [pollfd] {
        [
            pollfd(fd: up.source, events: (up.wantsRead ? Int16(POLLIN) : 0) | (down.wantsWrite ? Int16(POLLOUT) : 0), revents: 0),
            pollfd(fd: down.source, events: (down.wantsRead ? Int16(POLLIN) : 0) | (up.wantsWrite ? Int16(POLLOUT) : 0), revents: 0),
        ]
    }

    func step(_ client: Int16, _ guest: Int16) {
        if guest & Int16(POLLERR) != 0 || client & Int16(POLLERR) != 0 { broken = true }
        if client | guest != 0, !up.move() || !down.move() { broken = true }
    }

    func close() {
        Glibc.close(up.source)
        Glibc.close(down.source)
    }
}

/// One direction of a pair.
private struct Flow {
    let source: Int32
    private let sink: Int32
    private var buffer: [UInt8] = []
    private var sawEnd = false
    private(set) var ended = false

    init(from source: Int32, to sink: Int32) {
        self.source = source
        self.sink = sink
    }

    var wantsRead: Bool { !sawEnd && buffer.count < 1 << 20 }
    var wantsWrite: Bool { !buffer.isEmpty }

    /// Copies what can be copied now. False when the connection is broken.
    mutating func move() -> Bool {
        fill() && drain()
    }

    private mutating func fill() -> Bool {
        guard wantsRead else { return true }
        var chunk = [UInt8](repeating: 0, count: 65536)
        let got = read(source, &chunk, chunk.count)
        if got > 0 { buffer += chunk[..<got] }
        if got == 0 { sawEnd = true }
        return got >= 0 || errno == EAGAIN || errno == ENOTCONN
    }

    private mutating func drain() -> Bool {
        if !buffer.isEmpty {
            let sent = send(sink, buffer, buffer.count, Int32(MSG_NOSIGNAL))
            if sent > 0 { buffer.removeFirst(sent) }
            if sent < 0, errno != EAGAIN, errno != ENOTCONN { return false }
        }
        if sawEnd, buffer.isEmpty, !ended {
            ended = true
            shutdown(sink, Int32(SHUT_WR))
        }
        return true
    }
}
