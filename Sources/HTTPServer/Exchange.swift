import CMicrohttpd
import FoundationEssentials
import Glibc
import Synchronization

/// One request, from its headers until libmicrohttpd releases its slot.
final class Exchange: Sendable {
    /// What to do once the request is complete.
    enum Turn {
        case tooLarge
        case ask(HTTPRequest)
        case wait
        /// Nil closes the connection.
        case send(HTTPResponse?)
    }

    /// That much of a body over the limit is read and discarded: closing a socket with unread bytes resets the connection, and the
    /// client would not see the 413.
    private static let courtesy = 1 << 20

    private let bodyLimit: Int
    private let state: Mutex<State>

    private struct State {
        enum Phase {
            case reading, waiting
            case settled(HTTPResponse?)
        }

        var request: HTTPRequest
        var received = 0
        var phase = Phase.reading
    }

    init(_ request: HTTPRequest, bodyLimit: Int) {
        self.bodyLimit = bodyLimit
        state = Mutex(State(request: request))
    }

    /// Whether the announced body is refused unread: it is too long to discard, or the client waits for `100 Continue`.
    var isRefusedUnread: Bool {
        state.withLock { state in
            guard let announced = state.request.headers["content-length"].flatMap({ Int($0) }) else { return false }
            return announced > bodyLimit && (announced > bodyLimit + Self.courtesy || state.request.headers["expect"] != nil)
        }
    }

    /// Takes a part of the body. False when it is too long to discard.
    func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        state.withLock { state in
            state.received += bytes.count
            if state.received > bodyLimit {
                state.request.body = Data()
            } else {
                state.request.body.append(contentsOf: bytes)
            }
            return state.received <= bodyLimit + Self.courtesy
        }
    }

    /// `ask` is returned once, then `wait` until the response is known.
    func turn() -> Turn {
        state.withLock { state in
            switch state.phase {
            case .reading where state.received > bodyLimit: return .tooLarge
            case .reading:
                state.phase = .waiting
                return .ask(state.request)
            case .waiting: return .wait
            case .settled(let response): return .send(response)
            }
        }
    }

    /// libmicrohttpd is done with the request, whatever it has sent.
    func complete() {
        state.withLock { state in
            if case .settled(let response?) = state.phase, case .streamed(let stream) = response.ending { stream.detach() }
        }
    }

    func settle(_ response: HTTPResponse?) {
        state.withLock { $0.phase = .settled(response) }
    }
}

/// The arguments of one call of the access handler, of which libmicrohttpd makes several a request.
struct Call {
    let connection: OpaquePointer
    let url: UnsafePointer<CChar>
    let method: UnsafePointer<CChar>
    let data: UnsafePointer<CChar>?
    let size: UnsafeMutablePointer<Int>
    /// The retained exchange; empty on the first call.
    let slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>

    func request() -> HTTPRequest {
        HTTPRequest(
            method: String(cString: method), path: String(cString: url), headers: headers(), body: Data(), peer: peer(), query: query())
    }

    /// libmicrohttpd gives it in parts, in which a blank was a plus.
    private func query() -> String? {
        var parts: [String] = []
        withUnsafeMutablePointer(to: &parts) { pointer in
            _ = MHD_get_connection_values(
                connection, .GET_ARGUMENT_KIND,
                { context, _, name, value in
                    let part = String(cString: name!) + (value.map { "=" + String(cString: $0) } ?? "")
                    context!.assumingMemoryBound(to: [String].self).pointee.append(part.replacing(" ", with: "+"))
                    return .YES
                }, pointer)
        }
        return parts.isEmpty ? nil : parts.joined(separator: "&")
    }

    private func headers() -> [String: String] {
        var headers: [String: String] = [:]
        withUnsafeMutablePointer(to: &headers) { pointer in
            _ = MHD_get_connection_values(
                connection, .HEADER_KIND,
                { context, _, name, value in
                    let headers = context!.assumingMemoryBound(to: [String: String].self)
                    let (name, value) = (String(cString: name!).lowercased(), value.map { String(cString: $0) } ?? "")
                    headers.pointee[name] = headers.pointee[name].map { $0 + ", " + value } ?? value
                    return .YES
                }, pointer)
        }
        return headers
    }

    private func peer() -> String {
        guard let address = exedev_mhd_peer(connection), address.pointee.sa_family == sa_family_t(AF_INET) else { return "" }
        return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
            var internet = address.pointee.sin_addr
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET_ADDRSTRLEN)) { text in
                inet_ntop(AF_INET, &internet, text.baseAddress, socklen_t(text.count)).map { String(cString: $0) } ?? ""
            }
        }
    }
}

extension HTTPResponse {
    static let tooLarge = HTTPResponse(
        status: 413, headers: ["Content-Type": "application/json"], body: Data("{\"error\":\"body too large\"}\n".utf8))

    /// False when the connection is to be closed: on purpose, or because libmicrohttpd finds a header malformed.
    func queue(on connection: OpaquePointer) -> Bool {
        guard let response = make(connection) else { return false }
        defer { MHD_destroy_response(response) }
        for cookie in cookies where MHD_add_response_header(response, "Set-Cookie", cookie) != .YES { return false }
        for (name, value) in headers where MHD_add_response_header(response, name, value) != .YES { return false }
        return MHD_queue_response(connection, UInt32(status), response) == .YES
    }

    private func make(_ connection: OpaquePointer) -> OpaquePointer? {
        switch ending {
        case .dropped: return nil
        case .streamed(let stream): return stream.response(on: connection)
        case .complete:
            return body.withUnsafeBytes {
                MHD_create_response_from_buffer($0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
            }
        case .truncated:
            let half = Unmanaged.passRetained(Half(of: body))
            let response = MHD_create_response_from_callback(
                UInt64(body.count), 16384,
                { context, position, buffer, room in
                    let half = Unmanaged<Half>.fromOpaque(context!).takeUnretainedValue()
                    return half.copy(from: Int(position), to: UnsafeMutableRawBufferPointer(start: buffer, count: room))
                }, half.toOpaque(), { Unmanaged<Half>.fromOpaque($0!).release() })
            if response == nil { half.release() }
            return response
        }
    }
}

/// The first half of a body whose whole length was announced.
private final class Half {
    private let bytes: Data

    init(of body: Data) { bytes = Data(body.prefix(body.count / 2)) }

    func copy(from position: Int, to room: UnsafeMutableRawBufferPointer) -> Int {
        let part = bytes.dropFirst(position).prefix(room.count)
        guard !part.isEmpty else { return Int(MHD_CONTENT_READER_END_WITH_ERROR) }
        part.copyBytes(to: room)
        return part.count
    }
}
