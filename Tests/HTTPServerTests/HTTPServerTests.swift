import Foundation
import HTTPServer
import Synchronization
import Testing

/// A server that stops at the end of the test.
private func serving<Value: Sendable>(
    at path: String? = nil, limit: Int = 65536, _ answer: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
    client: @escaping @Sendable (Place) throws -> Value
) async throws -> Value {
    let (descriptor, place) = try Place.listen(at: path)
    let server = try HTTPServer(listeningOn: descriptor, bodyLimit: limit, answer: answer)
    defer { server.stop() }
    return try await offPool { try client(place) }
}

private func text(_ text: String, _ ending: HTTPResponse.Ending = .complete) -> HTTPResponse {
    HTTPResponse(status: 200, body: Data(text.utf8), ending: ending)
}

/// Lets `count` tasks wait for each other.
private actor Meeting {
    private let count: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []
    init(of count: Int) { self.count = count }

    func join() async {
        await withCheckedContinuation {
            waiting.append($0); if waiting.count == count { waiting.forEach { $0.resume() } }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct HTTPServerTests {
    @Test func connectionIsKeptAfterAWholeAnswer() async throws {
        let replies = try await serving({ text("\($0.method) \($0.path) \($0.headers["x-test"] ?? "") \($0.peer)") }) { place in
            let client = try place.connect()
            client.send("GET", "/one?query=1")
            let first = client.reply()
            client.send("POST", "/two", body: "x")
            return [first, client.reply()]
        }
        #expect(
            replies == [
                Client.Reply(status: 200, body: "GET /one yes 127.0.0.1"), Client.Reply(status: 200, body: "POST /two yes 127.0.0.1"),
            ])
    }

    @Test func bodyIsEchoed() async throws {
        let body = String(repeating: "0123456789abcdef", count: 60 * 64)
        let reply = try await serving({ HTTPResponse(status: 201, body: $0.body) }) { place in
            let client = try place.connect()
            client.send("POST", "/", body: body)
            return client.reply()
        }
        #expect(reply == Client.Reply(status: 201, body: body))
    }

    static let tooLarge = Client.Reply(status: 413, body: "{\"error\":\"body too large\"}\n")

    @Test func bodyOverTheLimitIsRefused() async throws {
        let replies = try await serving(limit: 1000, { text("\($0.body.count)") }) { place in
            let client = try place.connect()
            return [1000, 1001, 500_000, 1].map { size in
                client.send("POST", "/", body: String(repeating: "x", count: size))
                return client.reply()
            }
        }
        #expect(replies == [Client.Reply(status: 200, body: "1000"), Self.tooLarge, Self.tooLarge, Client.Reply(status: 200, body: "1")])
    }

    @Test(arguments: ["Content-Length: 1001\r\nExpect: 100-continue", "Content-Length: 9000000"])
    func bodyIsRefusedUnread(headers: String) async throws {
        let (reply, ended) = try await serving(limit: 1000, { _ in text("no") }) { place in
            let client = try place.connect()
            client.send("POST / HTTP/1.1\r\nHost: test\r\n\(headers)\r\n\r\n")
            return (client.reply(), client.hasEnded())
        }
        #expect(reply == Self.tooLarge)
        #expect(ended)
    }

    @Test func bodyWithoutEndIsCutOff() async throws {
        let ended = try await serving(limit: 1000, { _ in text("no") }) { place in
            let client = try place.connect()
            client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
            for _ in 0..<1000 { client.send(chunk) }
            return client.hasEnded()
        }
        #expect(ended)
    }

    @Test(arguments: [10, 1, 300_000]) func truncatedAnswerSendsHalf(size: Int) async throws {
        let body = String(repeating: "x", count: size)
        let (reply, ended) = try await serving({ _ in text(body, .truncated) }) { place in
            let client = try place.connect()
            client.send("GET", "/")
            return (client.reply(), client.hasEnded())
        }
        #expect(reply == Client.Reply(status: 200, body: String(body.prefix(size / 2)), isWhole: false))
        #expect(ended)
    }

    @Test func droppedAnswerSendsNothing() async throws {
        let ended = try await serving({ _ in text("never", .dropped) }) { place in
            let client = try place.connect()
            client.send("POST", "/", body: "x")
            return client.hasEnded()
        }
        #expect(ended)
    }

    @Test(arguments: ["/k3s/v1.34.1%2Bk3s1/k3s", "/a%2fb%00%zz", "/a+b", "/"])
    func percentEncodingIsLeftAlone(path: String) async throws {
        let reply = try await serving({ text($0.path) }) { place in
            let client = try place.connect()
            client.send("GET", path + "?q=%2B")
            return client.reply()
        }
        #expect(reply?.body == path)
    }

    @Test(arguments: [("/?a=b+c&d&e=%2B", "a=b+c&d&e=%2B"), ("/?x", "x"), ("/?a=&b==c?d", "a=&b==c?d"), ("/", "none")])
    func queryIsAsSent(target: String, query: String) async throws {
        let reply = try await serving({ text($0.query ?? "none") }) { place in
            let client = try place.connect()
            client.send("GET", target)
            return client.reply()
        }
        #expect(reply?.body == query)
    }

    @Test func manyAnswersAreUnderWayAtOnce() async throws {
        let meeting = Meeting(of: 50)
        let answer: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            await meeting.join()
            return text(request.path)
        }
        let replies = try await serving(answer) { place in
            let clients = try (0..<50).map { number in
                let client = try place.connect()
                client.send("GET", "/\(number)")
                return client
            }
            return clients.map { $0.reply()?.body }
        }
        #expect(replies == (0..<50).map { "/\($0)" })
    }

    @Test func unixSocket() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "http-\(UUID().uuidString)").path
        defer { unlink(path) }
        let reply = try await serving(at: path, { text("[\($0.peer)]") }) { place in
            let client = try place.connect()
            client.send("GET", "/")
            return client.reply()
        }
        #expect(reply == Client.Reply(status: 200, body: "[]"))
    }

    @Test func clientThatLeavesHarmsNobody() async throws {
        let meeting = Meeting(of: 2)
        let answer: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            await meeting.join()
            return text(request.path)
        }
        let reply = try await serving(answer) { place in
            try place.connect().send("GET", "/gone")
            let client = try place.connect()
            client.send("GET", "/here")
            return client.reply()
        }
        #expect(reply?.body == "/here")
    }

    @Test func whatDoesNotListenIsAnError() {
        for descriptor in [-1, socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), open("/dev/null", O_RDONLY)] {
            #expect(throws: HTTPServerError.self) { _ = try HTTPServer(listeningOn: descriptor, bodyLimit: 1) { _ in text("") } }
        }
    }
}
