import Glibc

/// The relay's sockets: listeners in the client's namespace, pairs of connections, and who waits for what.
struct Switchboard {
    private struct Listener {
        let route: Relay.Route
        let descriptor: Int32
        var fillers: [Int32] = []
        var drops: Bool { !fillers.isEmpty }
    }

    private let port: UInt16
    private var listeners: [String: Listener] = [:]
    private var pairs: [ConnectionPair] = []
    private var cuts = 0
    private let home: HomeThread

    init(port: UInt16, home: HomeThread) {
        self.port = port
        self.home = home
    }

    mutating func obey(routes: [Relay.Route], faults: SSHFaults) {
        let open = routes.filter { !faults.refuses($0.name) }
        for listener in listeners.values where !open.contains(listener.route) {
            shut(listener)
        }
        for route in open {
            if listeners[route.name] == nil { listeners[route.name] = listen(for: route) }
            setDropping(route.name, faults.drops(route.name))
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
        listeners[listener.route.name] = nil
        pairs.removeAll { pair in
            guard pair.name == listener.route.name else { return false }
            pair.close()
            return true
        }
    }

    /// The kernel drops SYNs silently when the accept queue is full: shrink it, fill it ourselves and do not accept.
    private mutating func setDropping(_ name: String, _ dropping: Bool) {
        guard var listener = listeners[name], listener.drops != dropping else { return }
        if dropping {
            Glibc.listen(listener.descriptor, 0)
            let (address, port) = (listener.route.listen, port)
            listener.fillers = home.run { (0..<3).compactMap { _ in Sockets.connect(address: address, port: port) } }
        } else {
            listener.fillers.forEach { Glibc.close($0) }
            listener.fillers = []
            Glibc.listen(listener.descriptor, 512)
        }
        listeners[name] = listener
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
            pairs.append(ConnectionPair(name: listener.route.name, client: client, guest: guest))
        }
    }

    mutating func close() {
        pairs.forEach { $0.close() }
        listeners.values.forEach { shut($0) }
    }
}
