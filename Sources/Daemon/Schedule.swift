/// When the next pass is due, in seconds of the monotonic clock. A pure value: time and randomness are parameters.
struct Schedule: Sendable {
    /// Seconds between two passes over a settled fleet.
    let interval: Double
    private(set) var next = 0.0
    /// Passes in a row that did not end settled.
    private(set) var troubles = 0

    init(interval: Double) {
        self.interval = interval
    }

    /// A settled fleet waits for the interval, or at most 30 s after a change; others back off exponentially. `chance`, from 0 to 1, adds
    /// jitter. `opening`: seconds until the maintenance window opens that something waits for.
    mutating func passEnded(settled: Bool, effects: Int, now: Double, chance: Double, opening: Double? = nil) {
        troubles = settled ? 0 : troubles + 1
        let pause =
            if !settled {
                min(interval, 5 * Double(1 << min(troubles - 1, 10)))
            } else {
                effects > 0 ? min(interval, 30) : interval
            }
        next = now + min(pause * (0.9 + 0.2 * chance), max(1, (opening ?? .infinity) + 1))
    }

    /// Makes the next pass due now: the file changed, or a signal asked for it.
    mutating func hurry(now: Double) {
        next = now
        troubles = 0
    }
}
