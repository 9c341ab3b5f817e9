import K3s
import Testing

@testable import FleetCore

/// Maintenance windows and the time zones that they are in.
@Suite struct WindowTests {
    /// A file as `zic -b slim` makes it: everything is in the footer.
    static func tzif(_ footer: String, offset: Int = 3600, version: UInt8 = 50) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
        let header = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15) + [0, 0, 0, 0, 1, 4].flatMap(number)
        let body = number(offset) + [0, 0] + Array("CET\0".utf8)
        return header + body + header + body + Array("\n\(footer)\n".utf8)
    }

    static let berlin = TimeZoneRules(name: "Europe/Berlin", tzif: tzif("CET-1CEST,M3.5.0,M10.5.0/3"))!

    @Test(arguments: [
        ("CET-1CEST,M3.5.0,M10.5.0/3", 1_774_745_999, 3600), ("CET-1CEST,M3.5.0,M10.5.0/3", 1_774_746_000, 7200),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 1_792_889_999, 7200), ("CET-1CEST,M3.5.0,M10.5.0/3", 1_792_890_000, 3600),
        // Southern summer, negative summer time, one that begins beyond its day, a fixed offset, days of the year.
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_767_225_600, 39_600), ("IST-1GMT0,M10.5.0,M3.5.0/1", 1_767_225_600, 0),
        ("EET-2EEST,M3.4.4/50,M10.4.4/50", 1_774_655_999, 7200), ("EET-2EEST,M3.4.4/50,M10.4.4/50", 1_774_656_000, 10_800),
        ("<+0530>-5:30", 1_767_225_600, 19_800), ("X0Y,J60/0,J300/0", 1_772_323_200, 3600), ("X0Y,59/0,300/0", 1_772_323_199, 0),
        ("", 1_767_225_600, 3600),
    ])
    func theFooterSaysTheOffset(footer: String, second: Int, offset: Int) throws {
        #expect(try #require(TimeZoneRules(name: "z", tzif: Self.tzif(footer))).offset(at: second) == offset)
    }

    @Test(arguments: ["CET", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,J366,J1", "<CET-1", "CET-999"])
    func aFooterThatSaysNothingIsRefused(footer: String) {
        #expect(TimeZoneRules(name: "z", tzif: Self.tzif(footer)) == nil)
    }

    /// Whatever a file holds, reading it ends without a trap.
    @Test func aFileThatIsCutOrOfAnotherKindIsRefused() {
        let whole = Self.tzif("CET-1CEST,M3.5.0,M10.5.0/3")
        for length in 0..<whole.count { #expect(TimeZoneRules(name: "z", tzif: Array(whole.prefix(length))) == nil, "\(length)") }
        #expect(TimeZoneRules(name: "z", tzif: Self.tzif("CET-1", version: 0)) == nil)
        for place in whole.indices {
            for value in [UInt8(0), 127, 255] {
                var bytes = whole
                bytes[place] = value
                _ = TimeZoneRules(name: "z", tzif: bytes)?.offset(at: 0)
            }
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Seconds since 1970.
        var now: Double
        var windows: [MaintenanceWindow]
        var opens: String?

        init(_ name: String, at now: Double, _ opens: String?, _ windows: MaintenanceWindow...) {
            (testDescription, self.now, self.opens, self.windows) = (name, now, opens, windows)
        }
    }

    private static let night = MaintenanceWindow(days: [1, 2, 3, 4, 5], from: 22 * 60, to: 4 * 60, zone: berlin)
    private static let weekend = MaintenanceWindow(days: [6, 0], from: 0, to: 1440, zone: berlin)
    // 2026-11-27 is a Friday; Berlin is an hour ahead of UTC.
    private static let friday = 1_795_737_600.0

    static let rows = [
        Row("none is always open", at: friday, nil),
        Row("before it opens", at: friday + 75_599, "Fri 2026-11-27 22:00 Europe/Berlin", night),
        Row("it opens", at: friday + 75_600, nil, night), Row("after midnight", at: friday + 86_400 + 10_799, nil, night),
        Row("it closes", at: friday + 86_400 + 10_800, "Mon 2026-11-30 22:00 Europe/Berlin", night),
        Row("one of two", at: friday + 86_400 + 10_800, nil, night, weekend),
        Row("the next of two", at: friday + 36_000, "Fri 2026-11-27 22:00 Europe/Berlin", weekend, night),
        Row(
            "a week ahead", at: friday + 7200, "Fri 2026-12-04 01:00 UTC", MaintenanceWindow(days: [5], from: 60, to: 90)),
        // 29 March 2026, when clocks go from 02:00 to 03:00.
        Row(
            "an hour that is left out", at: 1_774_742_400, "Sun 2026-03-29 03:15 Europe/Berlin",
            MaintenanceWindow(days: [0], from: 135, to: 165, zone: berlin)),
        Row(
            "one that only that hour has", at: 1_774_742_400, "Sun 2026-04-05 02:30 Europe/Berlin",
            MaintenanceWindow(days: [0], from: 150, to: 190, zone: berlin)),
        Row(
            "one that begins in that hour", at: 1_774_746_000, "Sun 2026-03-29 03:30 Europe/Berlin",
            MaintenanceWindow(days: [0], from: 150, to: 300, zone: berlin)),
        // 25 October 2026: 02:30 comes twice, and counts from the first one.
        Row(
            "an hour that comes twice", at: 1_792_890_000 - 1800, nil, MaintenanceWindow(days: [0], from: 150, to: 180, zone: berlin)),
    ]

    @Test(arguments: rows)
    func saysWhenItOpens(row: Row) {
        let opening = Policy(prune: false, windows: row.windows).opening(at: row.now)
        #expect(opening?.words == row.opens)
        guard let opening else { return }
        #expect(Policy(prune: false, windows: row.windows).opening(at: opening.at) == nil)
        #expect(Policy(prune: false, windows: row.windows).opening(at: opening.at - 1) != nil)
    }

    @Test func daysAndDatesAgree() {
        for number in stride(from: -100_000, to: 100_000, by: 37) {
            let (year, month, day) = CivilDate(number: number).parts
            #expect(CivilDate(year: year, month: month, day: day).number == number)
        }
        #expect(CivilDate(number: 20_784).text == "2026-11-27" && CivilDate(number: 20_784).weekday == 5)
        #expect(CivilDate(second: -1).text == "1969-12-31")
    }

    // MARK: the fleet file

    private static func row(_ name: String, _ window: String, _ want: String...) -> SpecRow {
        var row = SpecRow(name, FleetText(rest: "policy: {window: \(window)},"))
        row.want = want
        return row
    }

    static let spec = [
        row("a window", "{days: ['mon', 'fri'], from: '22:00', to: '04:00', zone: 'UTC'}"),
        row("several", "[{from: '22:00', to: '04:00'}, {days: ['sat'], from: '00:00', to: '24:00'}]"),
        row("no window", "[]", "11 policy.window: an empty list would never let a node be restarted; leave the field out for no window"),
        row("no object", "'always'", "11 policy.window: must be an object"),
        row(
            "no times", "{}", "11 policy.window.from: the field is required", "11 policy.window.to: the field is required"),
        row(
            "no day", "{days: [], from: '22:00', to: '04:00'}",
            "11 policy.window.days: an empty list names no day; leave it out for every day"),
        row(
            "no such day", "{days: ['mo'], from: '22:00', to: '04:00'}",
            "11 policy.window.days[0]: \"mo\" is no day: mon, tue, wed, thu, fri, sat or sun -> mon"),
        row(
            "no such times", "{from: '24:00', to: '4:00'}",
            "11 policy.window.from: \"24:00\" is no time of the day: \"00:00\" to \"23:59\"",
            "11 policy.window.to: \"4:00\" is no time of the day: \"00:00\" to \"24:00\""),
        row(
            "no time between", "[{from: '04:00', to: '04:00'}]",
            "11 policy.window[0].to: is the same as from; a whole day is from \"00:00\" to \"24:00\""),
        row(
            "no such zone", "{from: '22:00', to: '04:00', zone: 'Europe/Berln'}",
            "11 policy.window.zone: this machine knows no time zone \"Europe/Berln\": is it spelled as in the IANA's list, and is the package tzdata installed?"
        ),
        row(
            "a path for a zone", "{from: '22:00', to: '04:00', zone: '../passwd'}",
            "11 policy.window.zone: \"../passwd\" is no name of a time zone, as \"Europe/Berlin\""),
        row("an unknown field", "{from: '22:00', until: '04:00', to: '04:00'}", "11 policy.window.until: unknown field"),
    ]

    @Test(arguments: spec)
    func saysExactly(row: SpecRow) { #expect(told(row.text) == row.want) }

    @Test func readsWhatIsWritten() throws {
        let text = FleetText(rest: "policy: {window: {days: ['mon', 'sun'], from: '22:05', to: '04:00', zone: 'Europe/Berlin'}},")
        let fleet = FleetFile.parse("\(text)", file: "f") { $0 == "Europe/Berlin" ? Self.berlin : nil }.fleet
        #expect(try #require(fleet).policy.windows == [MaintenanceWindow(days: [0, 1], from: 1325, to: 240, zone: Self.berlin)])
    }
}
