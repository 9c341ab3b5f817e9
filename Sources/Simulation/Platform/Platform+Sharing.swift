import Foundation

/// `share`: shapes as the SDK's types have them (0.4.0, types.py).
extension Platform {
    func share(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        let isReachable = await machines.answersSSH(vm)
        func after(_ changes: Sharing...) throws -> VirtualMachine {
            try change { account throws(AccountRefusal) in try account.share(vm.name, changes, isReachable: isReachable) }
        }
        switch call.path {
        case "share port":
            guard let typed = call.words.dropFirst().first else { return route(try after()) }
            guard let port = Int(typed) else { throw AccountRefusal.invalid("invalid port \"\(typed)\"") }
            return updated(try after(.port(port)))
        case "share set-public": return updated(try after(.isPublic(true)))
        case "share set-private": return updated(try after(.isPublic(false)))
        case "share add", "share remove": return try grant(call, after)
        case "share add-link":
            let token = UUID().uuidString.replacing("-", with: "").lowercased()
            let url = "\(Self.url(try after(.addLink(token, at: stamp))))/?share=\(token)"
            return success(vm, [("token", .string(token)), ("url", .string(url))])
        case "share remove-link":
            _ = try after(.removeLink(try operand(call, 1)))
            return success(vm, [("message", "Share link revoked")])
        case "share receive-email": return try email(call, after)
        default: return shown(try after())
        }
    }

    private typealias Changes = (Sharing...) throws -> VirtualMachine

    private func grant(_ call: Invocation, _ after: Changes) throws -> JSON {
        let (whom, adds, asRoot) = (try operand(call, 1).lowercased(), call.path == "share add", call.has("root"))
        guard whom != "team" else { return try grantTeam(adds, asRoot, after) }
        guard whom.contains("@") else { throw AccountRefusal.invalid("invalid email address \"\(whom)\"") }
        switch (adds, asRoot) {
        case (true, true): return level(try after(.add(whom, at: stamp, asRoot: true)), whom, "root")
        case (false, true): return level(try after(.demote(whom)), whom, "web")
        case (true, false):
            let vm = try after(.add(whom, at: stamp))
            return success(
                vm, [("shared_with", .string(whom)), ("url", .string(Self.url(vm))), ("message", "Invitation sent")])
        case (false, false): return success(try after(.remove(whom)), [("message", .string("Access removed for \(whom)"))])
        }
    }

    private func grantTeam(_ adds: Bool, _ asRoot: Bool, _ after: Changes) throws -> JSON {
        if asRoot {
            let vm = try after(.teamIsRoot(adds))
            return .object([("status", "updated"), ("vm_name", .string(vm.name))] + team(vm))
        }
        let had = try after().access.hasTeam
        let vm = try after(.team(adds))
        guard had != adds else {
            return success(vm, [("message", adds ? "Already shared with the team" : "Not shared with the team")])
        }
        return success(vm, [("team_name", .string(account.preferences.team.name))])
    }

    private func email(_ call: Invocation, _ after: Changes) throws -> JSON {
        let word = call.words.dropFirst().first
        guard word == nil || word == "on" || word == "off" else { throw usage(call) }
        let policy = try call.value("reply-policy").map { text in
            guard let policy = Access.ReplyPolicy(rawValue: text) else {
                throw AccountRefusal.invalid("invalid reply policy \"\(text)\": use all, known, owner or none")
            }
            return policy
        }
        if let policy { _ = try after(.replyPolicy(policy)) }
        let vm = try word.map { try after(.receivesEmail($0 == "on")) } ?? after()
        let (address, isOn) = ("*@\(vm.name).exe.xyz", vm.access.receivesEmail)
        let fields: [(String, JSON)] = [("vm_name", .string(vm.name)), ("email_enabled", .bool(isOn))]
        let mail: [(String, JSON)] = word == nil || isOn ? [("email_address", .string(address))] : []
        return .object(
            (word == nil ? [] : [("status", "success")]) + fields + mail + [("reply_policy", .string(vm.access.replyPolicy.rawValue))])
    }

    static func url(_ vm: VirtualMachine) -> String { "https://\(vm.name).exe.xyz" }

    private func success(_ vm: VirtualMachine, _ fields: [(String, JSON)]) -> JSON {
        .object([("status", "success"), ("vm_name", .string(vm.name))] + fields)
    }

    private func level(_ vm: VirtualMachine, _ person: String, _ level: String) -> JSON {
        .object([
            ("status", "updated"), ("vm_name", .string(vm.name)), ("shared_with", .string(person)), ("share_level", .string(level)),
        ])
    }

    private func route(_ vm: VirtualMachine, status: [(String, JSON)] = []) -> JSON {
        .object(
            [("vm_name", .string(vm.name)), ("port", .number(vm.port)), ("share", vm.isPublic ? "public" : "private")] + status)
    }

    private func updated(_ vm: VirtualMachine) -> JSON { route(vm, status: [("status", "updated")] + team(vm)) }

    /// A member's login and the agent go together here; exe.dev can give one of them.
    private func team(_ vm: VirtualMachine) -> [(String, JSON)] {
        ["team_access", "team_ssh", "team_shelley"].map { ($0, .bool(vm.access.teamIsRoot)) }
    }

    private func shown(_ vm: VirtualMachine) -> JSON {
        let users = vm.access.users.map { user in
            JSON.object([
                ("email", .string(user.email)), ("status", "pending"), ("invited_at", .string(user.invitedAt)),
                ("share_level", user.isRoot ? "root" : "web"),
            ])
        }
        let links = vm.access.links.map { link in
            JSON.object([
                ("token", .string(link.token)), ("created_at", .string(link.createdAt)), ("use_count", .number(link.uses)),
                ("last_used_at", link.usedAt.map(JSON.string) ?? .null),
            ])
        }
        let known = account.preferences.team
        let teams = vm.access.hasTeam ? [JSON.object([("team_id", .string(known.id)), ("team_name", .string(known.name))])] : []
        return .object(
            [
                ("vm_name", .string(vm.name)), ("status", vm.isPublic ? "public" : "private"), ("port", .number(vm.port)),
                ("url", .string(Self.url(vm))), ("users", .list(users)), ("links", .list(links)), ("teams", .list(teams)),
            ] + team(vm) + (vm.access.supportIsRoot ? [("support_has_root", true)] : []))
    }
}
