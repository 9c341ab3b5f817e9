import CLibcurl
import Dispatch
import Synchronization

/// `POST /exec` by libcurl: TLS always verified, connections kept, answers bounded.
///
/// libcurl's easy interface blocks, so it runs on a few serial queues of its own and never on Swift's cooperative threads.
package final class CurlTransport: ExeDevTransport {
    private static let lanes = 4
    private let endpoint: String
    private let queues: [Lane]
    private let next = Atomic<Int>(0)
    private let sent = Atomic<Int>(0)

    /// `EXE_DEV_ENDPOINT` of the environment overrides `https://exe.dev/exec`.
    package convenience init(token: ExeDevToken, environment: [String: String]) throws(EndpointError) {
        try self.init(token: token, endpoint: environment["EXE_DEV_ENDPOINT"] ?? "https://exe.dev/exec")
    }

    package init(token: ExeDevToken, endpoint: String) throws(EndpointError) {
        self.endpoint = try Self.checked(endpoint)
        _ = Self.libraryIsReady
        queues = (0..<Self.lanes).map { Lane(number: $0, token: token) }
    }

    private static let libraryIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    /// How many requests were begun.
    package var requestsSent: Int { sent.load(ordering: .relaxed) }

    /// The token goes over the wire: plain http is for this machine only.
    static func checked(_ endpoint: String) throws(EndpointError) -> String {
        // An accent behind a `/` or an `@` would hide it from what looks at characters, and libcurl looks at bytes.
        guard endpoint.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw EndpointError(description: "EXE_DEV_ENDPOINT must be plain ASCII without blanks")
        }
        if endpoint.hasPrefix("https://") { return withPath(endpoint, after: 8) }
        guard endpoint.hasPrefix("http://") else { throw EndpointError(description: "EXE_DEV_ENDPOINT is no http(s) URL: \(endpoint)") }
        let authority = endpoint.dropFirst(7).prefix { $0 != "/" }
        // `127.0.0.1:x@elsewhere` names the host `elsewhere`.
        guard !authority.contains("@"), !authority.contains("\\") else {
            throw EndpointError(description: "EXE_DEV_ENDPOINT must not hold a user or password")
        }
        let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" }.dropFirst() : authority.prefix { $0 != ":" }
        guard host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }) else {
            throw EndpointError(description: "EXE_DEV_ENDPOINT would send the token unencrypted to \(host); use https")
        }
        return withPath(endpoint, after: 7)
    }

    private static func withPath(_ url: String, after scheme: Int) -> String { url.dropFirst(scheme).contains("/") ? url : url + "/exec" }

    package func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        sent.add(1, ordering: .relaxed)
        let lane = queues[next.add(1, ordering: .relaxed).newValue & (Self.lanes - 1)]
        let exchange = Exchange(body: body, deadline: deadline)
        let url = endpoint
        let result: Result<HTTPReply, TransportFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                lane.queue.async { continuation.resume(returning: lane.perform(exchange, url: url)) }
            }
        } onCancel: {
            exchange.isCancelled.store(true, ordering: .relaxed)
        }
        return try result.get()
    }
}

package struct EndpointError: Error, Sendable, CustomStringConvertible {
    package var description: String
}

/// One request and what has come back so far.
///
/// Unchecked: everything but the atomic is touched only by the lane's queue, which runs one exchange at a time.
private final class Exchange: @unchecked Sendable {
    static let cap = 8 << 20

    let body: [UInt8]
    let deadline: Duration
    let isCancelled = Atomic<Bool>(false)
    var answer: [UInt8] = []
    var headers: [String: String] = [:]
    var isOverCap = false
    private var given = 0

    init(body: [UInt8], deadline: Duration) {
        (self.body, self.deadline) = (body, deadline)
    }

    func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let part = body[given...].prefix(room.count)
        room.copyBytes(from: part)
        given += part.count
        return part.count
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        guard answer.count + bytes.count <= Self.cap else {
            isOverCap = true
            return 0
        }
        answer += bytes
        return bytes.count
    }

    func takeHeader(_ bytes: UnsafeBufferPointer<UInt8>) {
        let line = String(decoding: bytes, as: UTF8.self)
        guard let colon = line.firstIndex(of: ":") else { return }
        let value = line[line.index(after: colon)...].drop { $0 == " " }.prefix { !$0.isNewline }
        headers[line[..<colon].lowercased()] = String(value)
    }
}

/// A libcurl handle with its kept connection.
///
/// Unchecked: the handle and the header list are touched only on `queue`, a serial queue.
private final class Lane: @unchecked Sendable {
    let queue: DispatchQueue
    private let handle: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?

    init(number: Int, token: ExeDevToken) {
        queue = DispatchQueue(label: "exe.dev \(number)")
        guard let handle = curl_easy_init() else { preconditionFailure("libcurl gave no handle: out of memory") }
        self.handle = handle
        for header in [
            "Authorization: Bearer " + token.text, "Content-Type: text/plain", "Accept: application/json, application/x-ndjson", "Expect:",
        ] {
            headers = curl_slist_append(headers, header)
        }
    }

    deinit {
        curl_slist_free_all(headers)
        curl_easy_cleanup(handle)
    }

    func perform(_ exchange: Exchange, url: String) -> Result<HTTPReply, TransportFailure> {
        if exchange.isCancelled.load(ordering: .relaxed) { return .failure(TransportFailure(reason: "cancelled", wasSent: false)) }
        let pointer = Unmanaged.passUnretained(exchange).toOpaque()
        configure(exchange, pointer, url: url)
        let code = curl_easy_perform(handle)
        return outcome(code, exchange)
    }

    private func configure(_ exchange: Exchange, _ pointer: UnsafeMutableRawPointer, url: String) {
        curl_easy_reset(handle)
        _ = exedev_curl_set_string(handle, CURLOPT_URL, url)
        _ = exedev_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
        _ = exedev_curl_set_string(handle, CURLOPT_USERAGENT, "exedev-k8s")
        _ = exedev_curl_set_long(handle, CURLOPT_POST, 1)
        _ = exedev_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, exchange.body.count)
        _ = exedev_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        _ = exedev_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        _ = exedev_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
        _ = exedev_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
        _ = exedev_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, 30)
        let milliseconds = exchange.deadline.components.seconds * 1000 + exchange.deadline.components.attoseconds / 1_000_000_000_000_000
        _ = exedev_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(milliseconds))
        configureBody(pointer)
        _ = exedev_curl_set_pointer(handle, CURLOPT_WRITEDATA, pointer)
        _ = exedev_curl_set_data(handle, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            let bytes = UnsafeRawBufferPointer(start: data, count: size * count).bindMemory(to: UInt8.self)
            return Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().take(bytes)
        }
        _ = exedev_curl_set_pointer(handle, CURLOPT_HEADERDATA, pointer)
        _ = exedev_curl_set_data(handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            let bytes = UnsafeRawBufferPointer(start: data, count: size * count).bindMemory(to: UInt8.self)
            Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().takeHeader(bytes)
            return size * count
        }
        _ = exedev_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
        _ = exedev_curl_set_pointer(handle, CURLOPT_XFERINFODATA, pointer)
        _ = exedev_curl_set_progress(handle) { context, _, _, _, _ in
            Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().isCancelled.load(ordering: .relaxed) ? 1 : 0
        }
    }

    /// A body that cannot be rewound: libcurl would otherwise send a POST again by itself when a kept connection dies without an
    /// answer, and a command must never be carried out twice.
    private func configureBody(_ pointer: UnsafeMutableRawPointer) {
        _ = exedev_curl_set_pointer(handle, CURLOPT_READDATA, pointer)
        _ = exedev_curl_set_data(handle, CURLOPT_READFUNCTION) { buffer, size, count, context in
            let room = UnsafeMutableRawBufferPointer(start: buffer, count: size * count)
            return Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().give(room)
        }
        _ = exedev_curl_set_seek(handle) { _, _, _ in Int32(CURL_SEEKFUNC_FAIL) }
    }

    private func outcome(_ code: CURLcode, _ exchange: Exchange) -> Result<HTTPReply, TransportFailure> {
        var status = 0
        _ = exedev_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        switch code {
        case CURLE_OK: return .success(HTTPReply(status: status, headers: exchange.headers, body: exchange.answer, isTruncated: false))
        case CURLE_PARTIAL_FILE where status != 0, CURLE_WRITE_ERROR where exchange.isOverCap:
            return .success(HTTPReply(status: status, headers: exchange.headers, body: exchange.answer, isTruncated: true))
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
            CURLE_COULDNT_RESOLVE_PROXY:
            return .failure(TransportFailure(reason: words(code), wasSent: false))
        case CURLE_ABORTED_BY_CALLBACK: return .failure(TransportFailure(reason: "cancelled", wasSent: true))
        case CURLE_OPERATION_TIMEDOUT: return .failure(TransportFailure(reason: "no answer in \(exchange.deadline)", wasSent: true))
        default: return .failure(TransportFailure(reason: words(code), wasSent: true))
        }
    }

    private func words(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }
}
