import Digest
import ExeDev
import FoundationEssentials
package import Reconciler

/// An operator's HTTPS endpoint for events, signed with a shared secret.
package struct Webhook: Sendable {
    static let attempts = 6
    private let post: WebPost
    private let secret: [UInt8]?
    private let clock: any WallClock
    private let deadline: Duration

    /// The error leaves out `url`, which may be a secret. Without `secret` events are unsigned. `deadline` is for one attempt.
    package init(
        url: String, secret: [UInt8]?, clock: any WallClock = SystemClock(), deadline: Duration = .seconds(10)
    ) throws(StateError) {
        do throws(EndpointError) {
            post = try WebPost(url: url, name: "the webhook's URL")
        } catch {
            throw StateError(error.description, advice: nil)
        }
        (self.secret, self.clock, self.deadline) = (secret, clock, deadline)
    }

    /// The first line of a file that holds a URL or a key. The error shows the file's path only.
    package static func secret(file: String) throws(StateError) -> String {
        guard let bytes = try StateDirectory.read(file) else { throw StateError("there is no file \(file)", advice: nil) }
        let line = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first
        guard let line, !line.isEmpty else { throw StateError("\(file) is empty", advice: nil) }
        return String(line)
    }

    /// Sends until the event is accepted. Returns nil, or why it was given up. An event may arrive twice when a response was lost.
    package func deliver(_ body: [UInt8]) async -> String? {
        var why = ""
        for attempt in 0..<Self.attempts {
            if attempt > 0 {
                // 2, 4, 8, 16, 32: a receiver that is started again is back after a minute.
                do { try await clock.sleep(seconds: Double(1 << attempt)) } catch { return "the daemon stops; \(why)" }
            }
            switch await answer(to: body) {
            case .taken: return nil
            case .refused(let reason): return reason
            case .tryAgain(let reason): why = reason
            }
        }
        return "\(why), \(Self.attempts) times"
    }

    private enum Answer {
        case taken
        case refused(String)
        case tryAgain(String)
    }

    private func answer(to body: [UInt8]) async -> Answer {
        do throws(TransportFailure) {
            let reply = try await post.post(body, headerLines: headers(of: body), deadline: deadline)
            switch reply.status {
            case 200..<300: return .taken
            case 300..<400: return .refused("it answered \(reply.status), and redirects are not followed")
            case 408, 425, 429, 500...: return .tryAgain("it answered \(reply.status)")
            default: return .refused("it answered \(reply.status)")
            }
        } catch {
            return .tryAgain(error.reason)
        }
    }

    /// The signature includes the time, so that a receiver can refuse a replayed event.
    func headers(of body: [UInt8]) -> [String] {
        let time = String(Int(clock.now))
        let plain = ["Content-Type: application/json", "X-Exedev-K8s-Timestamp: \(time)"]
        guard let secret else { return plain }
        return plain + ["X-Exedev-K8s-Signature: sha256=\(hex(hmacSHA256(key: secret, Array("\(time).".utf8) + body)))"]
    }
}
