import FoundationEssentials
import Glibc
import Spawn

/// Somebody's program that takes events on standard input.
package struct Hook: Sendable {
    /// How it went, and what it printed.
    package struct Outcome: Sendable, Hashable {
        /// Nil when all is well.
        package var failure: String?
        /// Bounded, without the last line's end; empty when it printed nothing.
        package var output: String
    }

    /// More of what it prints is thrown away.
    static let outputLimit = 8 << 10

    private let program: String
    private let path: String
    private let seconds: Double

    /// `path` is the PATH that the program is given.
    package init(program: String, path: String, seconds: Double = 30) {
        (self.program, self.path, self.seconds) = (program, path, seconds)
    }

    /// Whether there is such a program and this user may run it.
    package static func isProgram(_ file: String) -> Bool {
        var facts = stat()
        return stat(file, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG && access(file, X_OK) == 0
    }

    /// `variables` and PATH are all the environment that it has: no token and no credential is ours to hand on.
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
