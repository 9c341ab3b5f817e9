import CMicrohttpd
import Glibc
import Synchronization

/// HTTP/1.1 by libmicrohttpd: its epoll thread reads and writes, Swift tasks answer. While a task answers, libmicrohttpd suspends the
/// connection: no timeout, and a client that goes away is not detected. Serves until `stop`.
package final class HTTPServer: Sendable {
    /// The most connections; more wait in the socket's backlog.
    private static let connectionLimit: UInt32 = 256
    /// Seconds that a connection may be silent.
    private static let idleTimeoutSeconds: UInt32 = 30

    private let bodyLimit: Int
    private let answer: @Sendable (HTTPRequest) async -> HTTPResponse
    private let state = Mutex(State())

    private struct State {
        var daemon: Handle?
        var isStopping = false
        var waiting: [ObjectIdentifier: Waiting] = [:]
        /// Which may have suspended their connections.
        var streams: [HTTPStream] = []
    }

    /// A suspended connection. The code that removes it from the table resumes it, so that happens once.
    private struct Waiting {
        var exchange: Exchange
        var connection: Handle
        var task: Task<Void, Never>
    }

    /// Takes ownership of a listening socket, also when it throws. The socket may be AF_UNIX or in another network namespace. With `tls` it
    /// speaks HTTPS.
    package init(
        listeningOn descriptor: Int32, bodyLimit: Int, tls: TLSIdentity? = nil,
        answer: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) throws(HTTPServerError) {
        self.bodyLimit = bodyLimit
        self.answer = answer
        // With -1 libmicrohttpd would open a port of its own.
        guard Self.listens(descriptor) else {
            close(descriptor)
            throw HTTPServerError(description: "descriptor \(descriptor) is no listening socket")
        }
        // The daemon's own reference; `stop` gives it back.
        let me = Unmanaged.passRetained(self)
        let daemon = exedev_mhd_start(
            descriptor, Self.connectionLimit, Self.idleTimeoutSeconds,
            { context, connection, url, method, _, data, size, slot in
                let server = Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue()
                let call = Call(connection: connection!, url: url!, method: method!, data: data, size: size!, slot: slot!)
                return server.handle(call) ? .YES : .NO
            },
            { _, _, slot, _ in
                guard let pointer = slot!.pointee else { return }
                slot!.pointee = nil
                let exchange = Unmanaged<Exchange>.fromOpaque(pointer)
                exchange.takeUnretainedValue().complete()
                exchange.release()
            },
            // The application decodes percent-encoding.
            { _, _, text in strlen(text!) },
            me.toOpaque(), tls?.key, tls?.certificate)
        guard let daemon else {
            let code = errno
            me.release()
            throw HTTPServerError(description: "cannot serve HTTP on descriptor \(descriptor): \(String(cString: strerror(code)))")
        }
        state.withLock { $0.daemon = Handle(daemon) }
    }

    private static func listens(_ descriptor: Int32) -> Bool {
        var answer: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &answer, &length) == 0 && answer != 0
    }

    /// Closes the socket and every connection. Tasks that still answer are cancelled and their responses discarded. Idempotent.
    package func stop() {
        let (daemon, unanswered) = state.withLock { state in
            let found = (state.daemon, state.waiting.values.map(\.task))
            // libmicrohttpd aborts the process if it is stopped with a suspended connection. None is suspended after this, because
            // suspending needs this lock and `stop` prevents it.
            state.isStopping = true
            for waiting in state.waiting.values { Self.resume(waiting, with: nil) }
            for stream in state.streams { stream.abort() }
            (state.waiting, state.streams) = ([:], [])
            state.daemon = nil
            return found
        }
        guard let daemon else { return }
        for task in unanswered { task.cancel() }
        MHD_stop_daemon(daemon.pointer)
        // No callback runs after that.
        Unmanaged.passUnretained(self).release()
    }

    // MARK: on libmicrohttpd's thread

    /// False closes the connection without a response.
    private func handle(_ call: Call) -> Bool {
        guard let context = call.slot.pointee else {
            let exchange = Exchange(call.request(), bodyLimit: bodyLimit)
            call.slot.pointee = Unmanaged.passRetained(exchange).toOpaque()
            return exchange.isRefusedUnread ? HTTPResponse.tooLarge.queue(on: call.connection) : true
        }
        let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
        guard call.size.pointee == 0 else {
            defer { call.size.pointee = 0 }
            return exchange.take(UnsafeRawBufferPointer(start: call.data, count: call.size.pointee))
        }
        switch exchange.turn() {
        case .tooLarge: return HTTPResponse.tooLarge.queue(on: call.connection)
        case .ask(let request): return suspend(call.connection, exchange, request)
        case .wait: return true
        case .send(let response): return response?.queue(on: call.connection) ?? false
        }
    }

    private func suspend(_ connection: OpaquePointer, _ exchange: Exchange, _ request: HTTPRequest) -> Bool {
        let connection = Handle(connection)
        return state.withLock { state in
            guard !state.isStopping else { return false }
            MHD_suspend_connection(connection.pointer)
            // `finish` waits for this lock, so even a fast response finds the entry.
            let task = Task { finish(exchange, with: await answer(request)) }
            state.waiting[ObjectIdentifier(exchange)] = Waiting(exchange: exchange, connection: connection, task: task)
            return true
        }
    }

    // MARK: on the concurrency pool

    private func finish(_ exchange: Exchange, with response: HTTPResponse) {
        state.withLock { state in
            // Without an entry, `stop` has resumed the connection, which may be gone.
            let waiting = state.waiting.removeValue(forKey: ObjectIdentifier(exchange))
            if case .streamed(let stream) = response.ending {
                if waiting == nil { stream.detach() }
                state.streams = state.streams.filter { !$0.isDetached } + (waiting == nil ? [] : [stream])
            }
            guard let waiting else { return }
            Self.resume(waiting, with: response)
        }
    }

    private static func resume(_ waiting: Waiting, with response: HTTPResponse?) {
        waiting.exchange.settle(response)
        MHD_resume_connection(waiting.connection.pointer)
    }
}

/// libmicrohttpd's daemon or one of its connections. Unchecked: only functions that are safe on any thread receive the pointer,
/// MHD_stop_daemon (once) and MHD_resume_connection (on a suspended connection, which libmicrohttpd does not free).
private struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
}
