import FoundationEssentials
import Tokens

/// When a token begins or ends, as it is typed.
enum TokenMoment {
    /// Seconds since 1970 of `30d`, `12h`, `1y` from `now` on, of `2026-12-31` (its first second, UTC), of `2026-12-31T12:00:00Z`, or of a number.
    static func seconds(_ text: String, option: String, now: Int) throws(UsageError) -> Int {
        guard let moment = moment(text, now: now) else {
            throw UsageError(
                "--\(option) takes a span such as 12h, 30d or 1y, a day such as 2026-12-31, a time such as 2026-12-31T12:00:00Z, or seconds since 1970"
            )
        }
        guard Permissions.moments.contains(moment) else { throw UsageError("--\(option)=\(text) is not in the years 2000 to 2100") }
        return moment
    }

    private static func moment(_ text: String, now: Int) -> Int? {
        let units: [Character: Int] = ["m": 60, "h": 3600, "d": 86400, "w": 604_800, "y": 31_536_000]
        if let last = text.last, let unit = units[last], let count = Int(text.dropLast()), 0..<100_000 ~= count {
            return now + count * unit
        }
        if text.utf8.allSatisfy({ (48...57).contains($0) }) { return Int(text) }
        // The strategies take a beginning that fits.
        let isDay = text.wholeMatch(of: /[0-9]{4}-[0-9]{2}-[0-9]{2}/) != nil
        guard isDay || text.wholeMatch(of: /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z/) != nil else { return nil }
        let whole = isDay ? text + "T00:00:00Z" : text
        // They also take the 30th of February, for the 2nd of March.
        guard let date = try? Date(whole, strategy: .iso8601), date.ISO8601Format() == whole else { return nil }
        return Int(date.timeIntervalSince1970)
    }

    /// As in `2026-12-31T12:00:00Z (in 30 days)`.
    static func words(_ moment: Int, now: Int) -> String {
        let (away, date) = (abs(moment - now), Date(timeIntervalSince1970: Double(moment)).ISO8601Format())
        let span = away >= 172_800 ? "\(away / 86400) days" : away >= 7200 ? "\(away / 3600) hours" : "\(away / 60) minutes"
        return "\(date) (\(moment >= now ? "in \(span)" : "\(span) ago"))"
    }
}
