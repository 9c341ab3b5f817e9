/// What an account keeps that is of no VM: its defaults, its team, its invitation, pools, integrations.
package struct Preferences: Codable, Sendable, Hashable {
    struct Member: Codable, Sendable, Hashable {
        var email: String
        var role: String
    }

    struct Team: Codable, Sendable, Hashable {
        var id = "team-1"
        var name = "simulated"
        /// Beside the owner.
        var members: [Member] = []
        /// Nil is as it began: `default`, and `off`.
        var placement: String?
        var standalone: String?
    }

    /// By their domain, then by their key: `defaults write dev.exe new.setup-script …`.
    var defaults: [String: [String: String]] = [:]
    var team = Team()
    var reward = "standard"
    var pools: [Pool] = []
    /// How many there ever were.
    var poolsMade = 0
    var integrations: [Integration] = []

    package init() {}
}
