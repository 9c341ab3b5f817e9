import CMicrohttpd
import Glibc
import Synchronization

/// A response's body that is sent while it is made, and ends with trailers. Written on any thread, sent on libmicrohttpd's.
package final class HTTPStream: Sendable {
    /// POLLRDHUP, which Glibc shows under _GNU_SOURCE alone.
    private static let hasHungUp: Int16 = 0x2000

    private let state = Mutex(State())

    private struct State {
        enum Phase { case open, ended, aborted }

        var phase = Phase.open
        var bytes: [UInt8] = []
        var trailers: [(String, String)] = []
        var link: Link?
        /// libmicrohttpd waits for `resume`.
        var isSuspended = false
        /// Nobody receives it any more.
        var isAbandoned = false

        mutating func resume() {
            guard isSuspended, let link else { return }
            isSuspended = false
            MHD_resume_connection(link.connection)
        }
    }

    /// Unchecked: MHD_resume_connection is safe on any thread; the rest is used on libmicrohttpd's, or while the connection is held.
    private struct Link: @unchecked Sendable {
        var connection: OpaquePointer
        var response: OpaquePointer
        var socket: Int32
    }

    package init() {}

    package func write(_ bytes: some Sequence<UInt8>) {
        state.withLock { state in
            guard state.phase == .open, !state.isAbandoned else { return }
            state.bytes += bytes
            state.resume()
        }
    }

    package func end(trailers: [(String, String)] = []) {
        state.withLock { state in
            guard state.phase == .open else { return }
            (state.phase, state.trailers) = (.ended, trailers)
            state.resume()
        }
    }

    /// Closes the connection in the middle of the body.
    package func abort() {
        state.withLock { state in
            state.phase = .aborted
            state.resume()
        }
    }

    /// Bytes that were not sent yet.
    package var backlog: Int { state.withLock(\.bytes.count) }

    /// Whether the client is gone. A suspended connection does not notice it by itself.
    package var isAbandoned: Bool {
        state.withLock { state in
            if !state.isAbandoned, let link = state.link {
                var socket = pollfd(fd: link.socket, events: Self.hasHungUp, revents: 0)
                state.isAbandoned = poll(&socket, 1, 0) > 0
            }
            return state.isAbandoned || state.phase == .aborted
        }
    }

    /// Its request is over.
    var isDetached: Bool { state.withLock { $0.isAbandoned && $0.link == nil } }

    // MARK: on libmicrohttpd's thread

    /// Nil when there is no memory.
    func response(on connection: OpaquePointer) -> OpaquePointer? {
        let me = Unmanaged.passRetained(self)
        let response = MHD_create_response_from_callback(
            exedev_mhd_unknown_size(), 32768,
            { context, _, buffer, room in
                Unmanaged<HTTPStream>.fromOpaque(context!).takeUnretainedValue()
                    .give(UnsafeMutableRawBufferPointer(start: buffer, count: room))
            }, me.toOpaque(), { Unmanaged<HTTPStream>.fromOpaque($0!).release() })
        guard let response else {
            me.release()
            return nil
        }
        let link = Link(connection: connection, response: response, socket: exedev_mhd_socket(connection))
        state.withLock { $0.link = link }
        return response
    }

    private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        state.withLock { state in
            guard state.bytes.isEmpty else {
                let count = min(room.count, state.bytes.count)
                room.copyBytes(from: state.bytes[..<count])
                state.bytes.removeFirst(count)
                return count
            }
            guard let link = state.link, state.phase != .aborted else { return Int(MHD_CONTENT_READER_END_WITH_ERROR) }
            guard state.phase == .ended else {
                state.isSuspended = true
                MHD_suspend_connection(link.connection)
                return 0
            }
            for (name, value) in state.trailers { _ = MHD_add_response_footer(link.response, name, value) }
            return Int(MHD_CONTENT_READER_END_OF_STREAM)
        }
    }

    /// The request is over, whether all was sent or not. Its connection and socket must not be used from here on.
    func detach() {
        state.withLock { state in
            (state.link, state.isAbandoned) = (nil, true)
        }
    }
}
