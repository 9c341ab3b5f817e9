import ExeDev
import Synchronization

/// The requests so far, and the open connections.
package struct Traffic: Sendable, Hashable {
    /// A kind of request to exe.dev.
    package struct Request: Sendable, Hashable, Comparable {
        /// The command without its arguments: `ls`, `share show`.
        package var command: String
        /// The HTTP status; nil without a response.
        package var status: Int?

        package init(_ command: String, _ status: Int?) { (self.command, self.status) = (command, status) }

        package static func < (one: Request, other: Request) -> Bool {
            (one.command, one.status ?? 0) < (other.command, other.status ?? 0)
        }
    }

    /// Requests to exe.dev that ended; each attempt counts.
    package var requests: [Request: Int] = [:]
    /// Seconds waited after a 429.
    package var throttledSeconds = 0.0
    /// SSH connections opened.
    package var connections = 0
    /// SSH sessions that are open now.
    package var sessions = 0

    package init() {}

    package var requestCount: Int { requests.values.reduce(0, +) }

    /// The difference to an earlier value; the sessions are those of now.
    package func since(_ before: Traffic) -> Traffic {
        var more = self
        for (request, count) in before.requests { more.requests[request, default: 0] -= count }
        more.requests = more.requests.filter { $0.value != 0 }
        more.throttledSeconds -= before.throttledSeconds
        more.connections -= before.connections
        return more
    }

    /// The sum with a later value; the sessions are those of the later one.
    package func adding(_ more: Traffic) -> Traffic {
        var sum = more
        sum.requests.merge(requests, uniquingKeysWith: +)
        sum.throttledSeconds += throttledSeconds
        sum.connections += connections
        return sum
    }
}

/// Counts the requests of one client.
final class RequestCounter: Sendable {
    private let counted = Mutex(Traffic())

    var traffic: Traffic { counted.withLock { $0 } }

    func note(_ note: ClientNote) {
        counted.withLock { counted in
            switch note {
            case .answered(let verb, let status): counted.requests[.init(verb, status), default: 0] += 1
            case .throttled(let seconds): counted.throttledSeconds += seconds
            }
        }
    }
}
