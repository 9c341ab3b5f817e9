import FleetCore
import Live

/// One line per thing that happened, with the time since the start.
struct ProgressLines: Sendable {
    let terminal: Terminal
    let clock = SystemClock()
    let began = SystemClock().now

    /// The journal has its own clock.
    let showsElapsed: Bool

    init(terminal: Terminal, showsElapsed: Bool = true) {
        (self.terminal, self.showsElapsed) = (terminal, showsElapsed)
    }

    func show(_ event: Event) {
        guard let text = text(of: event) else { return }
        guard showsElapsed else { return terminal.say(text) }
        let elapsed = clock.now - began
        let seconds = String(Int(elapsed)) + "." + String(Int(elapsed * 10) % 10) + "s"
        terminal.say(String(repeating: " ", count: max(0, 7 - seconds.count)) + seconds + "  " + text)
    }

    private func text(of event: Event) -> String? {
        switch event {
        case .actionStarted(let action, let because): "\(action.node.padded(to: 16)) \(action.step.words): \(because)"
        case .actionFinished(let action, let seconds):
            "\(action.node.padded(to: 16)) \(action.step.words) done in \(Int(seconds * 10 + 0.5) / 10).\(Int(seconds * 10 + 0.5) % 10) s"
        case .actionFailed(let action, let reason, let retry):
            "\(action.node.padded(to: 16)) \(action.step.words) failed: \(reason)" + (retry.map { "; again in \(Int($0)) s" } ?? "")
        case .outcomeUnknown(let action, let reason):
            "\(action.node.padded(to: 16)) \(action.step.words): outcome unknown (\(reason)); looking again"
        case .lookFailed(_, let reason): "looking failed: \(reason)"
        case .waiting(let node, let reason): "\(node.padded(to: 16)) waits: \(reason)"
        case .blocked(let node, let reason, let advice): "\(node.padded(to: 16)) blocked: \(reason); \(advice)"
        case .nodeSettled(let node): "\(node.padded(to: 16)) settled"
        case .ledgerRemarked(let text): "WARNING: \(text)"
        }
    }
}
