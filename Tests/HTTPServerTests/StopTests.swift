import Foundation
import HTTPServer
import Testing

/// Reports its deinitialization.
private final class Sentinel: Sendable {
    private let gone: AsyncStream<Void>.Continuation
    init(_ gone: AsyncStream<Void>.Continuation) { self.gone = gone }
    deinit { gone.finish() }
}

@Suite(.timeLimit(.minutes(1))) struct StopTests {
    /// The handlers return after the stop, and the server is freed with the last one.
    @Test(arguments: [1, 20]) func stopCutsAnswersThatAreUnderWay(count: Int) async throws {
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        let (gone, going) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        let (descriptor, place) = try Place.listen()
        var server: HTTPServer? = try make(descriptor, Sentinel(going), beginning, released)
        let ended = offPoolTask {
            let clients = try (0..<count).map { _ in
                let client = try place.connect()
                client.send("GET", "/")
                return client
            }
            return clients.allSatisfy { $0.hasEnded() }
        }
        var seen = begun.makeAsyncIterator()
        for _ in 0..<count { await seen.next() }
        server?.stop()
        server?.stop()
        #expect(try await ended.value)
        #expect(throws: Place.Refused.self) { try place.connect() }
        server = nil
        release.finish()
        for await _ in gone {}
    }

    private func make(
        _ descriptor: Int32, _ sentinel: Sentinel, _ beginning: AsyncStream<Void>.Continuation, _ released: AsyncStream<Void>
    ) throws -> HTTPServer {
        // One consumer that all handlers wait for; not cancelled with them.
        let free = Task { for await _ in released {} }
        return try HTTPServer(listeningOn: descriptor, bodyLimit: 1) { [sentinel] _ in
            beginning.yield()
            await free.value
            return HTTPResponse(status: Task.isCancelled ? 200 : 500, body: Data("\(sentinel)".utf8))
        }
    }

    private func offPoolTask(_ body: @escaping @Sendable () throws -> Bool) -> Task<Bool, any Error> {
        Task { try await offPool(body) }
    }

    /// Responses and stop race: in either order nothing is resumed twice and nothing stays suspended.
    @Test func stopRacesAnswers() async throws {
        for round in 0..<50 {
            let (descriptor, place) = try Place.listen()
            let (begun, beginning) = AsyncStream<Void>.makeStream()
            let server = try HTTPServer(listeningOn: descriptor, bodyLimit: 1) { request in
                beginning.yield()
                await Task.yield()
                return HTTPResponse(status: 200, body: Data(request.path.utf8))
            }
            let client = Task {
                try await offPool {
                    let clients = try (0..<8).map { _ in try place.connect() }
                    clients.forEach { $0.send("GET", "/") }
                    return clients.compactMap { $0.reply() }.allSatisfy { $0.body == "/" }
                }
            }
            var seen = begun.makeAsyncIterator()
            for _ in 0..<(1 + round % 8) { await seen.next() }
            server.stop()
            #expect(try await client.value)
        }
    }
}
