import Foundation

/// `faults.json`: which requests go wrong, and how.
package struct Faults: Codable, Sendable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// Done, then the connection closes without an answer.
        case lostReply
        /// 504 without having done anything, and 504 although it was done: a client cannot tell.
        case status504, status504Done
        case status429, status500, status502html
        /// 200, and all that it says is an error; nothing was done (facts/exedev.md §1.1).
        case error200
        /// Done, and the answer ends in its middle.
        case truncate
        case latency
        /// `ssh`: done, and the answer ends in order, but without the exit code.
        case noExitCode
    }

    package struct Rule: Codable, Sendable {
        package var command: String?
        /// Which request of that command is the first one hit, from 1.
        package var nth: Int?
        /// How many are hit from there; 1 when absent.
        package var times: Int?
        package var fault: Kind
        package var retryAfter: Int?
        package var milliseconds: Int?

        package func hits(_ command: String, number: Int) -> Bool {
            let first = nth ?? 1
            return (self.command ?? command) == command && number >= first && number < first + (times ?? 1)
        }
    }

    package var rules: [Rule]?
    /// Of a stream of `ssh` that is quiet; 30 s without.
    var heartbeatMilliseconds: Int?
    /// Milliseconds after which a command is answered with 504, although it goes on; exe.dev's 30 s, for `cp` 330 s, when absent.
    package var limit: Int?
    var ssh: SSHFaults?
}
