/// What VMs may reach through exe.dev. Nothing is reached here: only which there are, and who has them.
package struct Integration: Codable, Sendable, Hashable {
    var type: String
    var name: String
    var comment = ""
    var target: String?
    /// `vm:NAME`, `tag:TAG` or `auto:all`.
    var attachments: [String] = []

    static let types = ["exe-dev", "github", "http-proxy", "notify", "reflection", "ssh-proxy"]

    static func check(attachment spec: String) throws(AccountRefusal) {
        let parts = spec.split(separator: ":", maxSplits: 1).map(String.init)
        let isOne =
            parts.count == 2
            && (parts == ["auto", "all"] || (parts[0] == "vm" && VirtualMachine.isName(parts[1]))
                || (parts[0] == "tag" && VirtualMachine.isTag(parts[1])))
        guard isOne else { throw .invalid("invalid attachment \"\(spec)\": use vm:NAME, tag:TAG or auto:all") }
    }
}

/// Their answers are documented in words, not in fields: these are the simulator's own.
extension Platform {
    func integrations(_ call: Invocation) throws -> JSON {
        switch call.path {
        case "integrations list":
            if call.has("available") { return .object([("available", .strings(Integration.types))]) }
            return .object([("integrations", .list(account.preferences.integrations.map { row($0, usage: call.has("usage")) }))])
        case "integrations catalog":
            return .object([("catalog", .strings(Integration.types.filter { $0.contains(call.words.first ?? "") }))])
        case "integrations add": return try addIntegration(call)
        case "integrations remove":
            let name = try operand(call, 0)
            try change { account throws(AccountRefusal) in
                let place = try account.preferences.integration(name)
                account.preferences.integrations.remove(at: place)
            }
            return .object([("name", .string(name)), ("removed", true)])
        case "integrations test":
            let name = try operand(call, 0)
            guard account.preferences.integrations.contains(where: { $0.name == name }) else { throw missing(name) }
            return .object([("name", .string(name)), ("ok", true)])
        case "integrations edit":
            return try changeIntegration(try operand(call, 0)) { integration throws(AccountRefusal) in
                (integration.comment, integration.target) = (
                    call.value("comment") ?? integration.comment, call.value("target") ?? integration.target
                )
            }
        case "integrations rename":
            let (old, new) = (try operand(call, 0), try operand(call, 1))
            guard !account.preferences.integrations.contains(where: { $0.name == new }) else { throw taken(new) }
            return try changeIntegration(old) { integration throws(AccountRefusal) in integration.name = new }
        default:
            let (name, spec, attaches) = (try operand(call, 0), try operand(call, 1), call.path == "integrations attach")
            try Integration.check(attachment: spec)
            return try changeIntegration(name) { integration throws(AccountRefusal) in
                guard attaches || integration.attachments.contains(spec) else { throw .invalid("\"\(name)\" is not attached to \(spec)") }
                integration.attachments.removeAll { $0 == spec }
                if attaches { integration.attachments.append(spec) }
            }
        }
    }

    private func missing(_ name: String) -> AccountRefusal { .invalid("integration \"\(name)\" not found") }
    private func taken(_ name: String) -> AccountRefusal { .invalid("integration name \"\(name)\" is not available") }

    private func addIntegration(_ call: Invocation) throws -> JSON {
        let type = try operand(call, 0)
        let name = call.value("name") ?? type
        guard Integration.types.contains(type) else { throw AccountRefusal.invalid("unknown integration type \"\(type)\"") }
        guard !account.preferences.integrations.contains(where: { $0.name == name }) else { throw taken(name) }
        let attachments = call.values("attach")
        for spec in attachments { try Integration.check(attachment: spec) }
        let made = Integration(
            type: type, name: name, comment: call.value("comment") ?? "", target: call.value("target"), attachments: attachments)
        try change { account throws(AccountRefusal) in account.preferences.integrations.append(made) }
        return row(made, usage: false)
    }

    private func changeIntegration(_ name: String, _ body: (inout Integration) throws(AccountRefusal) -> Void) throws -> JSON {
        let changed = try change { account throws(AccountRefusal) in
            let place = try account.preferences.integration(name)
            try body(&account.preferences.integrations[place])
            return account.preferences.integrations[place]
        }
        return row(changed, usage: false)
    }

    private func row(_ integration: Integration, usage: Bool) -> JSON {
        var fields: [(String, JSON)] = [("name", .string(integration.name)), ("type", .string(integration.type))]
        if !integration.comment.isEmpty { fields.append(("comment", .string(integration.comment))) }
        if let target = integration.target { fields.append(("target", .string(target))) }
        fields.append(("attachments", .strings(integration.attachments)))
        return .object(fields + (usage ? [("lastUsedAt", .null), ("usedByVMs", .list([]))] : []))
    }
}

extension Preferences {
    fileprivate func integration(_ name: String) throws(AccountRefusal) -> Int {
        guard let place = integrations.firstIndex(where: { $0.name == name }) else { throw .invalid("integration \"\(name)\" not found") }
        return place
    }
}
