import Foundation
import HTTPServer
import Testing

/// A body that is sent while it is made.
@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    private func server(_ body: @escaping @Sendable (HTTPStream) async -> Void) throws -> (HTTPServer, Place) {
        let (descriptor, place) = try Place.listen()
        let server = try HTTPServer(listeningOn: descriptor, bodyLimit: 10) { _ in
            let stream = HTTPStream()
            Task { await body(stream) }
            return HTTPResponse(status: 200, body: Data(), ending: .streamed(stream))
        }
        return (server, place)
    }

    @Test func chunksAndTrailers() async throws {
        let (server, place) = try server { stream in
            for letter in "abc" {
                stream.write(Array("\(letter)".utf8))
                await Task.yield()
            }
            stream.end(trailers: [("X-Exit", "3")])
            stream.write(Array("late".utf8))
        }
        defer { server.stop() }
        let text = try await offPool {
            let client = try place.connect()
            client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            return client.rest()
        }
        let body = try #require(text.range(of: "\r\n\r\n")).upperBound
        let lines = text[body...].components(separatedBy: "\r\n")
        // Each chunk is its length and its bytes; how they are cut is libmicrohttpd's.
        let chunks = lines.prefix { $0 != "0" }
        #expect(chunks.enumerated().filter { $0.offset % 2 == 1 }.map(\.element).joined() == "abc", "\(text)")
        #expect(lines.drop { $0 != "0" }.prefix(2) == ["0", "X-Exit: 3"], "\(text)")
    }

    @Test func aClientThatGoesIsNoticed() async throws {
        let (gone, going) = AsyncStream<Void>.makeStream()
        let (server, place) = try server { stream in
            stream.write(Array("a".utf8))
            while !stream.isAbandoned { await Task.yield() }
            going.yield()
        }
        defer { server.stop() }
        try await offPool {
            let client = try place.connect()
            client.send("GET", "/")
            _ = client.reply()
        }
        for await _ in gone { break }
    }

    @Test func stopEndsAStreamThatWaits() async throws {
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        let (over, ending) = AsyncStream<Void>.makeStream()
        let (server, place) = try server { stream in
            stream.write(Array("a".utf8))
            while stream.backlog > 0 { await Task.yield() }
            beginning.yield()
            while !stream.isAbandoned { await Task.yield() }
            ending.yield()
        }
        let client = Task {
            try await offPool {
                let client = try place.connect()
                client.send("GET", "/")
                return client.rest()
            }
        }
        for await _ in begun { break }
        server.stop()
        for await _ in over { break }
        #expect(try await client.value.hasSuffix("1\r\na\r\n"), "no last chunk: the body is not whole")
    }

    @Test func anAbortIsNoEnd() async throws {
        let (server, place) = try server { stream in
            stream.write(Array("a".utf8))
            while stream.backlog > 0 { await Task.yield() }
            stream.abort()
        }
        defer { server.stop() }
        let text = try await offPool {
            let client = try place.connect()
            client.send("GET", "/")
            return client.rest()
        }
        #expect(text.hasSuffix("1\r\na\r\n"), "\(text)")
    }
}
