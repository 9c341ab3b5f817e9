import FleetCore
import Live

/// One line for each event, with the time since the start.
struct ProgressLines: Sendable {
    let terminal: Terminal
    let clock = SystemClock()
    let began = SystemClock().now

    func show(_ event: Event) {
        terminal.patience.note(event)
        guard !event.isSilent else { return }
        let elapsed = clock.now - began
        let seconds = String(Int(elapsed)) + "." + String(Int(elapsed * 10) % 10) + "s"
        let node = event.node.map { $0.padded(to: 16) + " " } ?? ""
        terminal.say(String(repeating: " ", count: max(0, 7 - seconds.count)) + seconds + "  " + node + event.words)
    }
}
