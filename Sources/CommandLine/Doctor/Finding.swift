import FleetCore

/// What one check of `doctor` did, found and advises.
struct Finding: Encodable, Hashable {
    enum Outcome: String, Encodable { case ok, warning, failed, skipped }

    /// Its name, which reasons and errors refer to.
    var check: String
    var outcome: Outcome
    var did: String
    var found: String
    var advice: String?

    static func ok(_ check: DoctorCheck, _ did: String, _ found: String) -> Finding {
        Finding(check: check.rawValue, outcome: .ok, did: did, found: firstLine(found))
    }

    static func warning(_ check: DoctorCheck, _ did: String, _ found: String, advice: String?) -> Finding {
        Finding(check: check.rawValue, outcome: .warning, did: did, found: firstLine(found), advice: advice)
    }

    static func failed(_ check: DoctorCheck, _ did: String, _ found: String, advice: String?) -> Finding {
        Finding(check: check.rawValue, outcome: .failed, did: did, found: firstLine(found), advice: advice)
    }

    /// It needs what another check lacks.
    static func skipped(_ check: DoctorCheck, _ why: String) -> Finding {
        Finding(check: check.rawValue, outcome: .skipped, did: "nothing", found: firstLine(why))
    }

    /// Errors have their advice below.
    private static func firstLine(_ text: String) -> String { text.split(separator: "\n").first.map(String.init) ?? "" }

    var text: String {
        let line = "\(outcome.rawValue.padded(to: 8)) \(check.padded(to: 16)) \(found)"
        return outcome == .ok ? line : line + (advice.map { "\n".padded(to: 27) + "→ \($0)" } ?? "")
    }
}
