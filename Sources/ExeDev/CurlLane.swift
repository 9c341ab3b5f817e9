import CLibcurl
import Dispatch
import Glibc
import Synchronization

/// A response that is passed on as it comes.
struct Flow: Sendable {
    /// The longest time without a byte.
    let silence: Duration
    /// Gets a part, and the headers; false ends the exchange.
    let take: @Sendable ([UInt8], [String: String]) -> Bool
}

/// One request and its response so far.
/// Unchecked: everything but the atomic is touched only by the lane's queue, which runs one exchange at a time.
final class Exchange: @unchecked Sendable {
    let body: [UInt8]
    /// Complete lines, with name and value.
    let headerLines: [String]
    /// Zero is none.
    let deadline: Duration
    /// The most bytes of a response that are kept.
    let cap: Int
    /// Checked right before the request is sent.
    let gate: Gate
    let method: Method
    let isCancelled = Atomic<Bool>(false)
    var answer: [UInt8] = []
    var headers: [String: String] = [:]
    var trailers: [String: String] = [:]
    private var isBehindHead = false
    /// `take` wants no more of the response.
    private(set) var hasEnough = false
    var isOverCap = false
    /// Takes a response of status 200 in place of `answer`.
    private let flow: Flow?
    private var status = 0
    private var lastHeard = ContinuousClock.now
    private var given = 0

    /// `GET` has no body.
    enum Method { case post, get }

    init(
        body: [UInt8], headerLines: [String], deadline: Duration, cap: Int, gate: @escaping Gate = { true }, method: Method = .post,
        flow: Flow? = nil
    ) {
        (self.body, self.headerLines, self.deadline, self.cap, self.gate) = (body, headerLines, deadline, cap, gate)
        (self.method, self.flow) = (method, flow)
    }

    /// Nothing was heard for longer than its flow allows.
    var isSilent: Bool { flow.map { ContinuousClock.now - lastHeard > $0.silence } ?? false }

    func begin() { lastHeard = .now }

    func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let part = body[given...].prefix(room.count)
        room.copyBytes(from: part)
        given += part.count
        return part.count
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        lastHeard = .now
        if let flow, status == 200 {
            let isWanted = flow.take(Array(bytes), headers)
            // `take` may have waited for a reader.
            lastHeard = .now
            hasEnough = !isWanted
            return isWanted ? bytes.count : 0
        }
        guard answer.count + bytes.count <= cap else {
            isOverCap = true
            return 0
        }
        answer += bytes
        return bytes.count
    }

    /// Of the head, and behind the body once more.
    func takeHeader(_ bytes: UnsafeBufferPointer<UInt8>) {
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            status = Int(line.split(separator: " ").dropFirst().first?.prefix(3) ?? "") ?? 0
            (headers, trailers, isBehindHead) = ([:], [:], false)
        }
        if line.allSatisfy(\.isNewline) { isBehindHead = true }
        guard let colon = line.firstIndex(of: ":") else { return }
        let value = line[line.index(after: colon)...].drop { $0 == " " }.prefix { !$0.isNewline }
        let name = line[..<colon].lowercased()
        if isBehindHead {
            trailers[name] = trailers[name].map { $0 == value ? $0 : "\($0), \(value)" } ?? String(value)
        } else {
            headers[name] = String(value)
        }
    }
}

/// A libcurl handle with its open connection.
/// Unchecked: the handle and the header list are touched only on `queue`, a serial queue.
final class Lane: @unchecked Sendable {
    private static let libraryIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    private let queue: DispatchQueue
    private let peer: String
    private let handle: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let detour: Detour?

    /// `peer`: what errors call the other side; a URL may be a secret.
    init(_ name: String, peer: String, detour: Detour? = nil) {
        (self.peer, self.detour) = (peer, detour)
        _ = Self.libraryIsReady
        queue = DispatchQueue(label: name)
        guard let handle = curl_easy_init() else { preconditionFailure("libcurl gave no handle: out of memory") }
        self.handle = handle
    }

    deinit {
        curl_slist_free_all(headers)
        curl_easy_cleanup(handle)
    }

    /// Waits for its turn and for the response. Returns at once when the task is cancelled.
    func send(_ exchange: Exchange, to url: String) async throws(TransportFailure) -> HTTPReply {
        let result: Result<HTTPReply, TransportFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: self.perform(exchange, url: url)) }
            }
        } onCancel: {
            exchange.isCancelled.store(true, ordering: .relaxed)
        }
        return try result.get()
    }

    private func perform(_ exchange: Exchange, url: String) -> Result<HTTPReply, TransportFailure> {
        if exchange.isCancelled.load(ordering: .relaxed) { return .failure(TransportFailure(reason: "cancelled", wasSent: false)) }
        guard exchange.gate() else { return .failure(.shut) }
        let pointer = Unmanaged.passUnretained(exchange).toOpaque()
        configure(exchange, pointer, url: url)
        exchange.begin()
        let code = curl_easy_perform(handle)
        return outcome(code, exchange)
    }

    private func configure(_ exchange: Exchange, _ pointer: UnsafeMutableRawPointer, url: String) {
        curl_easy_reset(handle)
        curl_slist_free_all(headers)
        headers = nil
        for line in exchange.headerLines + ["Expect:"] { headers = curl_slist_append(headers, line) }
        _ = exedev_curl_set_string(handle, CURLOPT_URL, url)
        _ = exedev_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
        _ = exedev_curl_set_string(handle, CURLOPT_USERAGENT, "exedev-k8s")
        switch exchange.method {
        case .post:
            // Whatever libcurl can read: a proxy on the way may compress answers that nobody asked to be compressed.
            _ = exedev_curl_set_string(handle, CURLOPT_ACCEPT_ENCODING, "")
            _ = exedev_curl_set_long(handle, CURLOPT_POST, 1)
            _ = exedev_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, exchange.body.count)
        // Nobody reads its body.
        case .get: _ = exedev_curl_set_long(handle, CURLOPT_HTTPGET, 1)
        }
        detour?.set(on: handle)
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
            let exchange = Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue()
            return exchange.isCancelled.load(ordering: .relaxed) || exchange.isSilent ? 1 : 0
        }
    }

    /// A body that cannot be rewound. Otherwise libcurl repeats a POST when an open connection dies without a response, and a command
    /// must never run twice.
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
        case CURLE_OK,
            CURLE_WRITE_ERROR where exchange.hasEnough:
            var reply = HTTPReply(status: status, headers: exchange.headers, body: exchange.answer, isTruncated: false)
            reply.trailers = exchange.trailers
            return .success(reply)
        case CURLE_PARTIAL_FILE where status != 0, CURLE_WRITE_ERROR where exchange.isOverCap:
            return .success(HTTPReply(status: status, headers: exchange.headers, body: exchange.answer, isTruncated: true))
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
            CURLE_COULDNT_RESOLVE_PROXY:
            return .failure(TransportFailure(reason: words(code), wasSent: false))
        case CURLE_ABORTED_BY_CALLBACK where exchange.isSilent:
            return .failure(TransportFailure(reason: "\(peer) said nothing any more", wasSent: true))
        case CURLE_ABORTED_BY_CALLBACK: return .failure(TransportFailure(reason: "cancelled", wasSent: true))
        case CURLE_OPERATION_TIMEDOUT where exchange.method == .get && status != 0:
            return .success(HTTPReply(status: status, headers: exchange.headers, body: exchange.answer, isTruncated: true))
        case CURLE_OPERATION_TIMEDOUT:
            return .failure(TransportFailure(reason: "no answer of \(peer) in \(exchange.deadline)", wasSent: true))
        default: return .failure(TransportFailure(reason: words(code), wasSent: true))
        }
    }

    /// Without libcurl's own words where they speak of its insides.
    private func words(_ code: CURLcode) -> String {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: return "\(peer) does not resolve"
        case CURLE_COULDNT_CONNECT:
            var number = 0
            _ = exedev_curl_get_long(handle, CURLINFO_OS_ERRNO, &number)
            return "no connection to \(peer)" + (number == 0 ? "" : ": " + String(cString: strerror(Int32(number))))
        case CURLE_SEND_FAIL_REWIND, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING:
            return "\(peer) ended the connection without an answer"
        case CURLE_PEER_FAILED_VERIFICATION: return "\(peer) has a certificate that nobody vouches for, or that is another name's"
        default: return "\(peer): \(String(cString: curl_easy_strerror(code)))"
        }
    }

    /// Host and port, without what a URL may have of secrets.
    static func peer(of url: String) -> String {
        let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        return String(rest.prefix { !"/?#".contains($0) }.split(separator: "@").last ?? "")
    }
}
