/// Defaults, invitations and the team. Their answers are documented in words, not in fields: these are the simulator's own.
extension Platform {
    func preferences(_ call: Invocation) throws -> Reply {
        switch call.path.split(separator: " ").first {
        case "defaults": return .json(try defaults(call))
        case "invite": return try invite(call)
        default: return call.path.hasPrefix("team settings") ? .json(try teamSettings(call)) : try team(call)
        }
    }

    private func defaults(_ call: Invocation) throws -> JSON {
        let known = account.preferences.defaults
        func object(_ values: [String: String]) -> JSON { .object(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }) }
        func missing(_ what: String) -> AccountRefusal { .invalid("default \"\(what)\" not found") }
        if call.path == "defaults read", call.words.isEmpty {
            return .object(known.sorted { $0.key < $1.key }.map { ($0.key, object($0.value)) })
        }
        let (domain, key) = (try operand(call, 0), call.words.dropFirst().first)
        switch call.path {
        case "defaults read":
            guard let key else { return object(known[domain] ?? [:]) }
            guard let value = known[domain]?[key] else { throw missing("\(domain) \(key)") }
            return .object([("domain", .string(domain)), ("key", .string(key)), ("value", .string(value))])
        case "defaults write":
            let (key, value) = (try operand(call, 1), try operand(call, 2))
            if key == "new.setup-script" { try checkSetupScript(value) }
            try change { account throws(AccountRefusal) in account.preferences.defaults[domain, default: [:]][key] = value }
            return .object([("status", "written"), ("domain", .string(domain)), ("key", .string(key)), ("value", .string(value))])
        default:
            guard known[domain] != nil, key.map({ known[domain]?[$0] != nil }) ?? true else {
                throw missing(call.words.joined(separator: " "))
            }
            try change { account throws(AccountRefusal) in
                if let key { account.preferences.defaults[domain]?[key] = nil } else { account.preferences.defaults[domain] = nil }
            }
            return .object([("status", "deleted"), ("domain", .string(domain))] + (key.map { [("key", .string($0))] } ?? []))
        }
    }

    private func invite(_ call: Invocation) throws -> Reply {
        let (rewards, link) = (["standard", "bonus-credits", "extra-memory", "extra-disk"], "https://exe.dev/invite/simulated")
        switch call.path {
        case "invite link": return .text(link + "\n")
        case "invite rewards": return .json(.object([("rewards", .strings(rewards))]))
        case "invite activity": return .json(.object([("signups", .list([]))]))
        case "invite set-reward":
            let reward = try operand(call, 0)
            guard rewards.contains(reward) else { throw usage(call) }
            try change { account throws(AccountRefusal) in account.preferences.reward = reward }
        default: guard call.words.isEmpty else { throw usage(call) }
        }
        return .json(.object([("link", .string(link)), ("reward", .string(account.preferences.reward))]))
    }

    private func team(_ call: Invocation) throws -> Reply {
        func row(_ email: String, _ role: String) -> JSON { .object([("email", .string(email)), ("role", .string(role))]) }
        switch call.path {
        case "team members": return .lines([row(owner.email, "owner")] + account.preferences.team.members.map { row($0.email, $0.role) })
        case "team vm ls": return .json(try list(call))
        case "team usage":
            guard call.words.isEmpty else { throw usage(call) }
            return .json(.object([("usage", .list([]))]))
        case "team rename":
            let name = try operand(call, 0)
            try change { account throws(AccountRefusal) in account.preferences.team.name = name }
        case "team add", "team role":
            let email = try operand(call, 0).lowercased()
            let role = call.path == "team role" ? try operand(call, 1) : call.words.dropFirst().first ?? "user"
            guard ["user", "admin", "billing_owner"].contains(role), email.contains("@") else { throw usage(call) }
            guard (call.path == "team role") == (member(email) != nil) else { throw strange(email, isIn: call.path == "team add") }
            try change { account throws(AccountRefusal) in
                account.preferences.team.members.removeAll { $0.email == email }
                account.preferences.team.members.append(Preferences.Member(email: email, role: role))
            }
            return .json(row(email, role))
        case "team remove":
            let email = try operand(call, 0).lowercased()
            guard member(email) != nil else { throw strange(email, isIn: false) }
            try change { account throws(AccountRefusal) in account.preferences.team.members.removeAll { $0.email == email } }
            return .json(.object([("email", .string(email)), ("removed", true)]))
        default: guard call.words.isEmpty else { throw usage(call) }
        }
        let known = account.preferences.team
        return .json(.object([("team_id", .string(known.id)), ("team_name", .string(known.name)), ("role", "owner")]))
    }

    /// Where VMs of members are made, and who may make standalone ones.
    private func teamSettings(_ call: Invocation) throws -> JSON {
        let text = call.words.joined(separator: " ")
        switch call.path {
        case "team settings vm-placement" where !text.isEmpty:
            let isPool = call.words.count == 2 && call.words[0] == "pool"
            guard isPool || ["default", "member-pool", "poolless"].contains(text) else { throw usage(call) }
            try change { account throws(AccountRefusal) in
                if isPool { _ = try account.preferences.pool(call.words[1]) }
                account.preferences.team.placement = text
            }
        case "team settings standalone" where !text.isEmpty:
            guard ["off", "admins-only", "all-users"].contains(text) else { throw usage(call) }
            try change { account throws(AccountRefusal) in account.preferences.team.standalone = text }
        default: guard text.isEmpty else { throw usage(call) }
        }
        let team = account.preferences.team
        return .object([("vm_placement", .string(team.placement ?? "default")), ("standalone", .string(team.standalone ?? "off"))])
    }

    private func member(_ email: String) -> Preferences.Member? { account.preferences.team.members.first { $0.email == email } }

    private func strange(_ email: String, isIn: Bool) -> AccountRefusal {
        .invalid("\(email) is \(isIn ? "already" : "not") a member of the team")
    }
}
