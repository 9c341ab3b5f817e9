/// The footer of a TZif file, a TZ string of POSIX such as `CET-1CEST,M3.5.0,M10.5.0/3`: what holds in every year after the last change that the
/// file lists.
struct YearlyRule: Sendable, Hashable {
    /// A day of the year and the seconds after its midnight.
    private struct Moment: Sendable, Hashable {
        enum Day: Sendable, Hashable {
            /// 1 to 365: 29 February is never counted.
            case julian(Int)
            /// 0 to 365.
            case ordinal(Int)
            /// The weekday of a week of a month, 5 for the last one.
            case month(Int, week: Int, weekday: Int)
        }

        var day: Day
        var second: Int
    }

    /// Seconds east of UTC.
    private let standard: Int
    private let summer: Summer?

    private struct Summer: Sendable, Hashable {
        var offset: Int
        var from: Moment
        var to: Moment
    }

    init?(_ text: String) {
        var rest = text[...]
        guard Self.name(&rest), let standard = Self.clock(&rest) else { return nil }
        self.standard = -standard
        guard !rest.isEmpty else {
            summer = nil
            return
        }
        guard Self.name(&rest) else { return nil }
        let offset = rest.first == "," ? self.standard + 3600 : Self.clock(&rest).map(-)
        let parts = rest.split(separator: ",", omittingEmptySubsequences: false)
        guard let offset, parts.count == 3, parts[0].isEmpty, let from = Self.moment(parts[1]), let to = Self.moment(parts[2]) else {
            return nil
        }
        summer = Summer(offset: offset, from: from, to: to)
    }

    func offset(at second: Int) -> Int {
        guard let summer else { return standard }
        let year = CivilDate(second: second + standard).parts.year
        let from = Self.second(of: summer.from, in: year) - standard
        let to = Self.second(of: summer.to, in: year) - summer.offset
        let isSummer = from < to ? (from..<to).contains(second) : !(to..<from).contains(second)
        return isSummer ? summer.offset : standard
    }

    // MARK: reading

    /// Letters, or anything in angle brackets.
    private static func name(_ rest: inout Substring) -> Bool {
        let before = rest.count
        if rest.first == "<" {
            guard let end = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: end)...]
        } else {
            rest = rest.drop { $0.isLetter }
        }
        return rest.count < before
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    private static func clock(_ rest: inout Substring) -> Int? {
        let sign = rest.first == "-" ? -1 : 1
        if let first = rest.first, "+-".contains(first) { rest = rest.dropFirst() }
        let text = rest.prefix { $0.isNumber || $0 == ":" }
        rest = rest.dropFirst(text.count)
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...3).contains(numbers.count), !numbers.contains(nil), numbers.allSatisfy({ $0! <= 167 }) else { return nil }
        return sign * zip(numbers, [3600, 60, 1]).reduce(0) { $0 + $1.0! * $1.1 }
    }

    private static func moment(_ text: Substring) -> Moment? {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count), let day = day(halves[0]) else { return nil }
        guard halves.count == 2 else { return Moment(day: day, second: 7200) }
        var rest = halves[1]
        guard let second = clock(&rest), rest.isEmpty else { return nil }
        return Moment(day: day, second: second)
    }

    private static func day(_ text: Substring) -> Moment.Day? {
        switch text.first {
        case "M":
            let numbers = text.dropFirst().split(separator: ".").compactMap { Int($0) }
            guard numbers.count == 3, (1...12).contains(numbers[0]), (1...5).contains(numbers[1]), (0...6).contains(numbers[2]) else {
                return nil
            }
            return .month(numbers[0], week: numbers[1], weekday: numbers[2])
        case "J": return Int(text.dropFirst()).flatMap { (1...365).contains($0) ? .julian($0) : nil }
        default: return Int(text).flatMap { (0...365).contains($0) ? .ordinal($0) : nil }
        }
    }

    // MARK: reckoning

    /// In local time, as if it were UTC.
    private static func second(of moment: Moment, in year: Int) -> Int { number(of: moment.day, in: year) * 86_400 + moment.second }

    private static func number(of day: Moment.Day, in year: Int) -> Int {
        let first = CivilDate(year: year, month: 1, day: 1).number
        switch day {
        case .ordinal(let number): return first + number
        case .julian(let number):
            let isLeap = CivilDate(year: year + 1, month: 1, day: 1).number - first == 366
            return first + number - 1 + (isLeap && number >= 60 ? 1 : 0)
        case .month(let month, let week, let weekday):
            let begin = CivilDate(year: year, month: month, day: 1)
            let next = month == 12 ? CivilDate(year: year + 1, month: 1, day: 1) : CivilDate(year: year, month: month + 1, day: 1)
            let found = begin.number + (weekday - begin.weekday + 7) % 7 + (week - 1) * 7
            return found < next.number ? found : found - 7
        }
    }
}
