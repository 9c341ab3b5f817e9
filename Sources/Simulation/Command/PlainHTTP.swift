import Foundation
import Glibc

struct PlainRequest: Sendable {
    var method: String
    /// As it was sent, without the query; percent-encoding is left alone.
    var path: String
    var headers: [String: String]
    var body: Data
    /// The peer's IPv4 address.
    var peer: String
}

struct PlainResponse: Sendable {
    enum Ending: Sendable { case complete, truncated, dropped }
    var status: Int
    var headers: [String: String] = [:]
    var body: Data
    var ending = Ending.complete
}

/// HTTP/1.1 on a listening socket that may live in another network namespace. A thread a connection, one request each:
/// the simulator's own few clients need no more, and a fault can cut an answer at any byte.
final class PlainHTTP: Sendable {
    private let descriptor: Int32
    private let bodyLimit: Int
    private let answer: @Sendable (PlainRequest) async -> PlainResponse

    init(on descriptor: Int32, bodyLimit: Int, answer: @escaping @Sendable (PlainRequest) async -> PlainResponse) {
        self.descriptor = descriptor
        self.bodyLimit = bodyLimit
        self.answer = answer
        _ = fcntl(descriptor, F_SETFL, 0)
    }

    func start() {
        Thread.detachNewThread { [self] in
            while true {
                var address = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let client = withUnsafeMutablePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(descriptor, $0, &length) }
                }
                guard client >= 0 else { return }
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                let peer = String(cString: inet_ntoa(address.sin_addr))
                Thread.detachNewThread { [self] in
                    serve(client, peer: peer)
                    close(client)
                }
            }
        }
    }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private func serve(_ client: Int32, peer: String) {
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard let request = read(client, peer: peer) else { return }
        let done = Handover<PlainResponse>()
        let (answer, bodyLimit) = (answer, bodyLimit)
        guard request.body.count <= bodyLimit else {
            return send(PlainResponse(status: 413, body: Data("{\"error\":\"body too large\"}\n".utf8)), to: client)
        }
        // The bridge from this thread to the concurrency pool: the thread waits for exactly this one task.
        Task { done.put(await answer(request)) }
        send(done.take(), to: client)
    }

    private func read(_ client: Int32, peer: String) -> PlainRequest? {
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 65536)
        var head: Range<Data.Index>?
        while head == nil {
            let got = Glibc.read(client, &chunk, chunk.count)
            guard got > 0, data.count < 1 << 20 else { return nil }
            data.append(contentsOf: chunk[..<got])
            head = data.range(of: Data("\r\n\r\n".utf8))
        }
        guard let head else { return nil }
        let lines = String(decoding: data[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            if pair.count == 2 { headers[pair[0].lowercased()] = pair[1].trimmingCharacters(in: .whitespaces) }
        }
        if headers["expect"] != nil { write("HTTP/1.1 100 Continue\r\n\r\n", to: client) }
        var body = Data(data[head.upperBound...])
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while body.count < min(length, bodyLimit + 1) {
            let got = Glibc.read(client, &chunk, chunk.count)
            guard got > 0 else { return nil }
            body.append(contentsOf: chunk[..<got])
        }
        let path = words[1].split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
        return PlainRequest(method: String(words[0]), path: path, headers: headers, body: body, peer: peer)
    }

    private func send(_ response: PlainResponse, to client: Int32) {
        guard response.ending != .dropped else { return }
        var headers = response.headers
        headers["Content-Length"] = String(response.body.count)
        headers["Connection"] = "close"
        let head = "HTTP/1.1 \(response.status) Simulated\r\n" + headers.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
        let body = response.ending == .truncated ? response.body.prefix(response.body.count / 2) : response.body
        write(Data(head.utf8) + body, to: client)
        shutdown(client, Int32(SHUT_WR))
    }

    private func write(_ text: String, to client: Int32) { write(Data(text.utf8), to: client) }

    private func write(_ data: Data, to client: Int32) {
        var rest = [UInt8](data)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }
}
