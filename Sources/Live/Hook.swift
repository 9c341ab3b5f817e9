import FoundationEssentials
import Glibc
import Spawn

/// An operator's program that reads events on standard input.
package struct Hook: Sendable {
    /// The result of a run.
    package struct Outcome: Sendable, Hashable {
        /// Nil when the program succeeded.
        package var failure: String?
        /// The bounded output without its last line end.
        package var output: String
    }

    /// The most bytes of output that are kept.
    static let outputLimit = 8 << 10

    private let program: String
    private let path: String
    private let seconds: Double

    /// `path` is the program's PATH.
    package init(program: String, path: String, seconds: Double = 30) {
        (self.program, self.path, self.seconds) = (program, path, seconds)
    }

    /// Whether the program exists and this user may run it.
    package static func isProgram(_ file: String) -> Bool {
        var facts = stat()
        return stat(file, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG && access(file, X_OK) == 0
    }

    /// The environment holds `variables` and PATH only: no token and no credential is passed on.
    package func run(_ body: [UInt8], variables: [String: String]) async -> Outcome {
        let environment = variables.merging(["PATH": path]) { given, _ in given }
        let confined = Confined(program, environment: environment, seconds: seconds, limit: Self.outputLimit)
        do {
            let ended = try await confined.run(input: Data(body))
            var output = String(decoding: ended.output, as: UTF8.self)
            while output.last?.isWhitespace == true { output.removeLast() }
            return Outcome(failure: failure(ended), output: output)
        } catch {
            return Outcome(failure: "\(error)", output: "")
        }
    }

    private func failure(_ ended: Confined.Ended) -> String? {
        if ended.wasKilled { return "it was killed: it may take \(Int(seconds)) s, and no longer than the daemon lives" }
        return ended.status == 0 ? nil : "it ended with \(ended.status)"
    }
}
