import FleetCore
import FoundationEssentials
import Live
import Tokens

/// What a signed token says of itself, read before anything is sent: a step that it may not run is known before the first one is.
struct TokenCheck {
    let permissions: Permissions

    /// Nil when the token may run all that the plan needs.
    func refusal(of plan: Plan, _ fleet: DesiredFleet) -> Failure? {
        let lacking = TokenNeeds.commands(of: plan, fleet).filter { !permissions.allows($0.command) }
        guard !lacking.isEmpty else { return nil }
        let words = lacking.map { need in
            let nodes = need.nodes.prefix(3).joined(separator: ", ") + (need.nodes.count > 3 ? ", …" : "")
            return need.command + (nodes.isEmpty ? "" : " (\(nodes))")
        }
        let commands = TokenNeeds.commands(of: fleet) + lacking.map(\.command)
        let all = commands.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return Failure(
            "the API token may not run \(words.joined(separator: "; "))",
            advice: "make one that may: \(TokenNeeds.mint(all))")
    }

    /// Nil unless it ends within the hour, or has ended. `now`: seconds since 1970.
    func warning(now: Double) -> String? {
        guard let end = permissions.expires, Double(end) - now < 3600 else { return nil }
        return "the API token ends at \(TokenMoment.words(end, now: Int(now)))"
    }
}

extension CommandContext {
    /// Nil for a token that is opaque.
    var tokenCheck: TokenCheck? { world.permissions.map { TokenCheck(permissions: $0) } }

    /// Said by `plan`, which changes nothing.
    func tellToken(_ plan: Plan, _ terminal: Terminal) {
        if let warning = tokenCheck?.warning(now: SystemClock().now) { terminal.say("WARNING: \(warning)") }
        if let refusal = tokenCheck?.refusal(of: plan, fleet) { terminal.say("WARNING: \(refusal)") }
    }

    /// Throws before anything is done when a step of the plan is not allowed.
    func requireToken(_ plan: Plan, _ terminal: Terminal) throws {
        if let warning = tokenCheck?.warning(now: SystemClock().now) { terminal.say("WARNING: \(warning)") }
        if let refusal = tokenCheck?.refusal(of: plan, fleet) { throw refusal }
    }
}
