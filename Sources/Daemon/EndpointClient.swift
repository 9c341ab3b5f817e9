import Glibc
import Live

/// Sends one request to a daemon on this machine. Blocks the calling thread for at most `timeoutSeconds` seconds.
package enum EndpointClient {
    package static let timeoutSeconds = 3.0
    private static let cap = 8 << 20

    /// A complete response.
    package struct Reply: Sendable {
        package var status: Int
        /// Names in lower case.
        package var headers: [String: String]
        package var body: [UInt8]
    }

    /// Why there is no response, as a message for the operator.
    package struct NoAnswer: Error, Sendable, CustomStringConvertible {
        package var description: String

        package init(description: String) { self.description = description }
    }

    /// `socket` is the path of the daemon's socket.
    package static func get(_ path: String, at socket: String, timeoutSeconds: Double = timeoutSeconds) throws(NoAnswer) -> Reply {
        guard let descriptor = UnixSocket.connect(socket) else {
            let isDead = errno == ENOENT || errno == ECONNREFUSED
            throw NoAnswer(description: isDead ? "no daemon runs" : "the daemon cannot be reached: \(String(cString: strerror(errno)))")
        }
        return try exchange("GET \(path) HTTP/1.0\r\n\r\n", on: descriptor, timeoutSeconds: timeoutSeconds)
    }

    /// Closes the connection. In HTTP/1.0 the response ends with the connection.
    static func exchange(_ request: String, on descriptor: Int32, timeoutSeconds: Double = timeoutSeconds) throws(NoAnswer) -> Reply {
        defer { close(descriptor) }
        // The request fits into any socket's buffer, so one call sends it all.
        guard send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
            throw NoAnswer(description: "the daemon does not accept the request")
        }
        return try parse(try read(descriptor, timeoutSeconds))
    }

    private static func read(_ descriptor: Int32, _ timeoutSeconds: Double) throws(NoAnswer) -> [UInt8] {
        let end = SystemClock().uptime + timeoutSeconds
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while answer.count <= cap {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = end - SystemClock().uptime
            guard left > 0, poll(&waiting, 1, Int32(left * 1000) + 1) >= 0 || errno == EINTR else { break }
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count == 0 { return answer }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        throw NoAnswer(description: "the daemon did not answer in \(Int(timeoutSeconds)) s")
    }

    static func parse(_ answer: [UInt8]) throws(NoAnswer) -> Reply {
        let unreadable = NoAnswer(description: "the daemon's answer was cut short or is no HTTP")
        guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else { throw unreadable }
        let lines = String(decoding: answer[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { throw unreadable }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw unreadable }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let body = Array(answer[end.upperBound...])
        guard headers["content-length"].map({ Int($0) == body.count }) ?? true else { throw unreadable }
        return Reply(status: status, headers: headers, body: body)
    }
}
