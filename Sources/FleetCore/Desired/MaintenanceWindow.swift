/// A time of the week in which nodes that serve may be taken down (`policy.window`).
package struct MaintenanceWindow: Sendable, Hashable {
    /// Days on which it opens; 0 is Sunday.
    package var days: Set<Int>
    /// Minutes after midnight.
    package var from: Int
    /// The same, on the day after when it is not later than `from`; 1440 is the end of the day.
    package var to: Int
    package var zone: TimeZoneRules

    package static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    package init(days: Set<Int> = Set(0...6), from: Int, to: Int, zone: TimeZoneRules = .utc) {
        (self.days, self.from, self.to, self.zone) = (days, from, to, zone)
    }

    /// When it is open, in seconds since 1970: what began at most a day before `second`, and what follows in two weeks. In one of them the hour
    /// that clocks leave out may leave nothing of it.
    fileprivate func spans(around second: Int) -> [Range<Int>] {
        let today = CivilDate(second: second + zone.offset(at: second)).number
        return (today - 1...today + 15).map { CivilDate(number: $0) }.filter { days.contains($0.weekday) }.compactMap { day in
            let end = to > from ? day : CivilDate(number: day.number + 1)
            let (opens, closes) = (zone.instant(day, minute: from), zone.instant(end, minute: to))
            return opens < closes ? opens..<closes : nil
        }
    }
}

/// When a closed window opens.
package struct WindowOpening: Sendable, Hashable {
    /// Seconds since 1970.
    package var at: Double
    /// As clocks show it there: `Sun 2026-11-29 02:00 Europe/Berlin`.
    package var words: String

    package init(at: Double, words: String) { (self.at, self.words) = (at, words) }

    fileprivate init(_ second: Int, _ zone: TimeZoneRules) {
        let local = second + zone.offset(at: second)
        let day = CivilDate(second: local)
        let minute = (local - day.number * 86_400) / 60
        let weekday = MaintenanceWindow.dayNames[day.weekday]
        at = Double(second)
        words =
            "\(weekday.prefix(1).uppercased())\(weekday.dropFirst()) \(day.text) "
            + "\(CivilDate.padded(minute / 60)):\(CivilDate.padded(minute % 60)) \(zone.name)"
    }
}

extension Policy {
    /// When the next window opens; nil while one is open, or where there is none. `now`: seconds since 1970.
    package func opening(at now: Double) -> WindowOpening? {
        let second = Int(now.rounded(.down))
        let spans = windows.flatMap { window in window.spans(around: second).map { (span: $0, zone: window.zone) } }
        if spans.contains(where: { $0.span.contains(second) }) { return nil }
        let next = spans.filter { $0.span.lowerBound > second }.min { $0.span.lowerBound < $1.span.lowerBound }
        return next.map { WindowOpening($0.span.lowerBound, $0.zone) }
    }
}
