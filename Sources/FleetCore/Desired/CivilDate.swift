/// A day of the Gregorian calendar, counted from 1970-01-01.
struct CivilDate: Sendable, Hashable {
    /// Days since 1970-01-01.
    var number: Int

    init(number: Int) { self.number = number }

    /// The day of a local time in seconds since 1970-01-01 00:00.
    init(second: Int) { number = Int((Double(second) / 86_400).rounded(.down)) }

    /// By Howard Hinnant's days_from_civil: years begin in March, so that the leap day is the last one.
    init(year: Int, month: Int, day: Int) {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        number = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    var parts: (year: Int, month: Int, day: Int) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, day)
    }

    /// 0 is Sunday.
    var weekday: Int { ((number + 4) % 7 + 7) % 7 }

    /// `2026-11-28`.
    var text: String {
        let (year, month, day) = parts
        return "\(year)-\(Self.padded(month))-\(Self.padded(day))"
    }

    static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
