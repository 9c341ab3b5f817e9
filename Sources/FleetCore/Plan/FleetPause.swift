import K3s

/// A hand brake: an operator holds the fleet (`exedev-k8s pause`). It is observed, and nothing is changed, until `resume`.
package struct FleetPause: Sendable, Hashable {
    /// User and machine.
    package var by: String
    /// Seconds since 1970; nil where that cannot be read, which holds the fleet all the same.
    package var since: Double?
    /// In the operator's words.
    package var reason: String?

    package init(by: String, since: Double?, reason: String?) { (self.by, self.since, self.reason) = (by, since, reason) }

    /// `paused since 2026-11-28 20:49 UTC by ada@ops: disk swap`.
    package var words: String {
        "paused" + (since.map { " since " + Self.time($0) } ?? "") + (by.isEmpty ? "" : " by \(by)") + (reason.map { ": \($0)" } ?? "")
    }

    private static func time(_ since: Double) -> String {
        let second = Int(min(max(since, -1e11), 1e12).rounded(.down))
        let day = CivilDate(second: second)
        let minute = (second - day.number * 86_400) / 60
        return "\(day.text) \(CivilDate.padded(minute / 60)):\(CivilDate.padded(minute % 60)) UTC"
    }
}
