import Files
package import FleetCore

/// The time zones that the system's tzdata knows.
package enum SystemTimeZones {
    private static let folders = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"]

    /// Nil for a name that no file has. `name` has passed the fleet file's check, so it leads out of no folder.
    package static func rules(_ name: String) -> TimeZoneRules? {
        if name == TimeZoneRules.utc.name { return .utc }
        for folder in folders {
            if let bytes = try? RegularFile.read("\(folder)/\(name)"), let rules = TimeZoneRules(name: name, tzif: bytes) { return rules }
        }
        return nil
    }
}
