import FleetCore
import Live
import Reconciler
import Synchronization

/// Says what is waited for, and for how long, whenever nothing was said for a while. It only listens: nothing depends on it.
final class Patience: Sendable {
    /// Seconds of silence at most.
    static let silence = 8.0
    /// Seconds after which something is worth a word.
    private static let notable = 4.0
    /// How many things of a kind are named.
    private static let few = 3

    private struct State {
        var spokeAt: Double
        /// By node: steps that are under way, and what nodes wait for.
        var steps: [String: (action: Action, since: Double)] = [:]
        var nodes: [String: (reason: Reason, since: Double)] = [:]
    }

    let waits: Waits
    private let uptime: @Sendable () -> Double
    private let state: Mutex<State>

    init(uptime: @escaping @Sendable () -> Double = { SystemClock().uptime }) {
        (waits, self.uptime) = (Waits(uptime: uptime), uptime)
        state = Mutex(State(spokeAt: uptime()))
    }

    func spoke() {
        let now = uptime()
        state.withLock { $0.spokeAt = now }
    }

    func note(_ event: Event) {
        guard let node = event.node else { return }
        let now = uptime()
        state.withLock { state in
            switch event {
            case .actionStarted(let action, _): (state.steps[node], state.nodes[node]) = ((action, now), nil)
            case .waiting(_, let reason): state.nodes[node] = (reason, now)
            case .blocked, .nodeSettled: (state.steps[node], state.nodes[node]) = (nil, nil)
            default: state.steps[node] = nil
            }
        }
    }

    /// What to say now; nil while there is no need to.
    func words() -> String? {
        let now = uptime()
        let (spokeAt, steps, nodes) = state.withLock { ($0.spokeAt, $0.steps, $0.nodes) }
        guard now - spokeAt >= Self.silence else { return nil }
        func isNotable(_ since: Double) -> Bool { now - since >= Self.notable }
        let working = steps.values.filter { isNotable($0.since) }.sorted { $0.since < $1.since }.map {
            Self.words($0.action, now - $0.since)
        }
        let outside = waits.all.filter { isNotable($0.since) }.map { Self.words($0, now - $0.since) }
        let said = Self.list(working) + Self.list(outside)
        if !said.isEmpty { return "still waiting: " + said.joined(separator: "; ") }
        let idle = nodes.sorted { ($0.value.since, $0.key) < ($1.value.since, $1.key) }
        guard !idle.isEmpty else { return nil }
        let texts = idle.map { "\($0.key): \($0.value.reason.text) (\(Int(now - $0.value.since)) s)" }
        return "still waiting: " + Self.list(texts).joined(separator: "; ")
    }

    private static func words(_ action: Action, _ seconds: Double) -> String {
        let limit = action.step.target == .platform ? nil : type(of: action.step).deadlineSeconds
        return "\(action.node): \(action.words) (\(span(seconds, limit)))"
    }

    private static func words(_ wait: Waits.Wait, _ seconds: Double) -> String { "\(wait.what) (\(span(seconds, wait.atMost)))" }

    private static func span(_ seconds: Double, _ limit: Double?) -> String {
        "\(Int(seconds)) s" + (limit.flatMap { $0 > seconds ? " of at most \(Int($0.rounded(.up))) s" : nil } ?? "")
    }

    private static func list(_ texts: [String]) -> [String] {
        let rest = texts.count - few
        return Array(texts.prefix(few)) + (rest > 0 ? ["\(rest) more"] : [])
    }
}

extension Terminal {
    /// Runs `body`, and breaks its silence.
    func attending<Value: Sendable>(_ body: @Sendable () async throws -> Value) async rethrows -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    try await SystemClock().sleep(seconds: 1)
                    if let words = patience.words() { say(words) }
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
