import Foundation
import Testing

@testable import FleetCore
@testable import Live

/// The system's time zones, as Foundation reads them too.
@Suite struct TimeZoneTests {
    @Test(arguments: [
        "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Gaza", "Australia/Lord_Howe",
        "Africa/Casablanca", "Pacific/Apia", "Etc/GMT+8", "America/Godthab", "UTC",
    ])
    func agreeWithFoundation(name: String) throws {
        let (rules, zone) = (try #require(SystemTimeZones.rules(name)), try #require(TimeZone(identifier: name)))
        // From 1980 to 2036: what is foretold of later years differs from library to library.
        for second in stride(from: 315_532_800, to: 2_082_758_400, by: 999_983) {
            #expect(rules.offset(at: second) == zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))), "\(second)")
        }
    }

    @Test func whatIsNotThereIsNoZone() {
        #expect(SystemTimeZones.rules("Europe/Berln") == nil && SystemTimeZones.rules("Europe") == nil)
        #expect(SystemTimeZones.rules("tzdata.zi") == nil)
    }
}
