import Glibc

/// A connection from a client and its continuation to the guest.
final class ConnectionPair {
    let name: String
    private var up: Flow
    private var down: Flow
    private var broken = false

    init(name: String, client: Int32, guest: Int32) {
        self.name = name
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
