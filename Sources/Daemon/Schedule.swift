/// When the next pass is due. A value with time and chance as parameters; seconds on a clock that never jumps.
struct Schedule: Sendable {
    /// Seconds between two passes over a settled fleet.
    let interval: Double
    private(set) var next = 0.0
    /// Passes in a row that did not end settled.
    private(set) var troubles = 0

    init(interval: Double) {
        self.interval = interval
    }

    /// A settled fleet is read again after the interval; soon when something was just changed, as what follows from a change shows
    /// early; one that is not settled after a pause that doubles. `chance` is from 0 to 1: many daemons must not all ask at once.
    mutating func passEnded(settled: Bool, effects: Int, now: Double, chance: Double) {
        troubles = settled ? 0 : troubles + 1
        let pause =
            if !settled {
                min(interval, 5 * Double(1 << min(troubles - 1, 10)))
            } else {
                effects > 0 ? min(interval, 30) : interval
            }
        next = now + pause * (0.9 + 0.2 * chance)
    }

    /// The file changed or somebody asked.
    mutating func hurry(now: Double) {
        next = now
        troubles = 0
    }
}
