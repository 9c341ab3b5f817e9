import Foundation
import Tokens

/// SSH keys and tokens.
extension Platform {
    func keys(_ call: Invocation) throws -> JSON {
        let word = { (place: Int, name: String) throws(AccountRefusal) -> String in
            guard call.words.count > place else {
                throw .invalid("usage: \(CommandUsage.all[call.path]?.usage ?? call.path) (\(name) is missing)")
            }
            return call.words[place]
        }
        switch call.path {
        case "ssh-key list": return .object([("ssh_keys", .list(register.keys.map(row)))])
        case "ssh-key add":
            let typed = call.words.joined(separator: " ")
            let key = try changeKeys { register throws(AccountRefusal) in
                try register.add(typed, tag: call.value("tag"), vm: call.value("vm"))
            }
            return .object([("status", "added"), ("name", .string(key.name)), ("fingerprint", .string(key.fingerprint))])
        case "ssh-key remove":
            let which = try word(0, "key")
            let key = try changeKeys { register throws(AccountRefusal) in try register.remove(which) }
            return .object([("status", "removed"), ("name", .string(key.name)), ("fingerprint", .string(key.fingerprint))])
        case "ssh-key rename":
            let (old, new) = (try word(0, "old"), try word(1, "new"))
            try changeKeys { register throws(AccountRefusal) in try register.rename(old, new) }
            return .object([("status", "renamed"), ("old_name", .string(old)), ("new_name", .string(new))])
        case "ssh-key generate-api-key": return try generate(call)
        default: return try exchange(try word(0, "token"), vm: call.value("vm"))
        }
    }

    func row(_ key: KeyRegister.Key) -> JSON {
        var fields: [(String, JSON)] = [
            ("name", .string(key.name)), ("public_key", .string(key.line)), ("fingerprint", .string(key.fingerprint)),
            ("current", .bool(key.line == owner.publicKey)),
        ]
        if let tag = key.tag { fields.append(("tag", .string(tag))) }
        if let vm = key.vm { fields.append(("vm", .string(vm))) }
        return .object(fields)
    }

    private func generate(_ call: Invocation) throws -> JSON {
        let cmds = call.value("cmds").map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }
        let now = Int(Date().timeIntervalSince1970)
        var ends: Int?
        switch call.value("exp") ?? "never" {
        case "never": break
        case let text:
            guard let count = Int(text.dropLast()), let unit = ["d": 86400, "h": 3600, "y": 31_536_000][text.suffix(1)] else {
                throw AccountRefusal.invalid("invalid --exp \"\(text)\": use 30d, 1y or never")
            }
            ends = now + count * unit
        }
        if let tag = call.value("tag"), !VirtualMachine.isTag(tag) { throw AccountRefusal.invalid("invalid tag \"\(tag)\"") }
        let label = call.value("label") ?? "api-key-\(register.keys.count)"
        let token = try changeKeys { register throws(AccountRefusal) in
            register.generate(label: label, cmds: cmds, ends: ends, tag: call.value("tag"), vm: call.value("vm"))
        }
        var fields: [(String, JSON)] = [
            ("label", .string(label)), ("token", .string(token.text)), ("namespace", .string(token.namespace)),
            ("fingerprint", .string(token.fingerprint)),
        ]
        if let ends { fields.append(("expires_at", .string(Date(timeIntervalSince1970: Double(ends)).ISO8601Format()))) }
        return .object(fields)
    }

    /// What is signed for a VM is exchanged for that VM, and the other way round.
    private func exchange(_ text: String, vm: String?) throws -> JSON {
        guard let signed = try? SignedToken(text), let key = register.key(line: signed.signature.publicLine),
            signed.signature.namespace == vm.map(SignedToken.proxy) ?? SignedToken.lobby
        else { throw AccountRefusal.invalid("invalid token") }
        let permissions = String(decoding: signed.permissions.payload, as: UTF8.self)
        let token = try changeKeys { register throws(AccountRefusal) in
            register.issue(permissions, key.fingerprint, signed.signature.namespace, key.tag)
        }
        return .object([("token", .string(token.text))])
    }

    package func key(line: String) -> (tag: String?, isOfVM: Bool)? { register.key(line: line).map { ($0.tag, $0.vm != nil) } }

    /// Of an `exe1` token for `/exec`.
    package func principal(exe1 text: String, now: Int) -> Principal? {
        guard let token = register.issued(text, at: now), token.namespace == SignedToken.lobby else { return nil }
        return Principal(permissions: token.permissions.flatMap { try? Permissions(Data($0.utf8)) }, tag: token.tag)
    }
}
