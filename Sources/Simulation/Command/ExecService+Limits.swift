import HTTPServer

/// A command that takes longer than exe.dev waits is answered with 504, and goes on (facts/exedev.md §2.3).
extension ExecService {
    /// Nil is none: a stream of `ssh` has none, and its older format its own.
    func limit(of command: String, _ faults: Faults?) -> Duration? {
        if command == "ssh" { return nil }
        if let milliseconds = faults?.limit { return .milliseconds(milliseconds) }
        return .seconds(command == "cp" ? 330 : 30)
    }

    func within(_ limit: Duration?, _ body: @escaping @Sendable () async -> HTTPResponse) async -> HTTPResponse {
        guard let limit else { return await body() }
        let (answers, first) = AsyncStream.makeStream(of: HTTPResponse.self)
        let late = plain(.failure(504, "command timed out"))
        Task { first.yield(await body()) }
        let timer = Task {
            try await sleep(limit)
            first.yield(late)
        }
        defer { timer.cancel() }
        for await answer in answers { return answer }
        return late
    }
}
