import Foundation
import Tokens

/// SSH keys and tokens.
extension Platform {
    func keys(_ call: Invocation) async throws -> JSON {
        switch call.path {
        case "ssh-key list": return .object([("ssh_keys", .list(register.keys.map(row)))])
        case "ssh-key add":
            let (typed, scope) = (call.words.joined(separator: " "), try scope(of: call))
            let key = try changeKeys { register throws(AccountRefusal) in try register.add(typed, tag: scope.tag, vm: scope.vm) }
            await admit(where: key.admits)
            return .object([("status", "added"), ("name", .string(key.name)), ("fingerprint", .string(key.fingerprint))])
        case "ssh-key remove":
            let which = try operand(call, 0)
            let key = try changeKeys { register throws(AccountRefusal) in try register.remove(which, scope: Self.scope) }
            await admit(where: key.admits)
            return .object([("status", "removed"), ("name", .string(key.name)), ("fingerprint", .string(key.fingerprint))])
        case "ssh-key rename":
            let (old, new) = (try operand(call, 0), try operand(call, 1))
            try changeKeys { register throws(AccountRefusal) in try register.rename(old, new, scope: Self.scope) }
            return .object([("status", "renamed"), ("old_name", .string(old)), ("new_name", .string(new))])
        case "ssh-key generate-api-key": return try generate(call)
        default: return try exchange(try operand(call, 0), vm: call.value("vm"))
        }
    }

    /// Who logs in on a VM, whatever it is called by then.
    func keys(of vm: VirtualMachine) -> MachineKeys {
        { [self] in await linesNow(of: vm) }
    }

    private func linesNow(of vm: VirtualMachine) -> [String] { lines(of: account.place(index: vm.index).map { account.hosts[$0] } ?? vm) }

    func lines(of vm: VirtualMachine) -> [String] { register.keys.filter { $0.admits(vm) }.map(\.line) }

    /// Tells the VM who logs in, if that is no longer `before`.
    func admit(to vm: VirtualMachine, unless before: [String]) async {
        if linesNow(of: vm) != before { await machines.admit(keys(of: vm), to: vm) }
    }

    private func admit(where isConcerned: (VirtualMachine) -> Bool) async {
        for vm in account.hosts where isConcerned(vm) { await machines.admit(keys(of: vm), to: vm) }
    }

    /// What a new key is for. One that is made with a tag-scoped key is no more than that.
    private func scope(of call: Invocation) throws -> (tag: String?, vm: String?) {
        let (tag, vm) = (call.value("tag"), call.value("vm"))
        guard tag == nil || vm == nil, vm != nil || call.value("ssh-user") == nil else { throw usage(call) }
        if let tag, !VirtualMachine.isTag(tag) { throw AccountRefusal.invalid("invalid tag \"\(tag)\"") }
        if let vm { return (nil, try named(vm).name) }
        guard let own = Self.scope else { return (tag, nil) }
        guard tag == nil || tag == own else { throw AccountRefusal.invalid("this key makes keys for the tag \"\(own)\" only") }
        return (own, nil)
    }

    func row(_ key: KeyRegister.Key) -> JSON {
        var fields: [(String, JSON)] = [
            ("name", .string(key.name)), ("public_key", .string(key.line)), ("fingerprint", .string(key.fingerprint)),
            ("current", .bool(Self.sender.map { $0 == key.fingerprint } ?? (key.line == owner.publicKey))),
        ]
        if let tag = key.tag { fields.append(("tag", .string(tag))) }
        if let vm = key.vm { fields.append(("vm", .string(vm))) }
        return .object(fields)
    }

    private func generate(_ call: Invocation) throws -> JSON {
        let cmds = call.value("cmds").map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }
        let (now, scope) = (Int(now()), try scope(of: call))
        var ends: Int?
        switch call.value("exp") ?? "never" {
        case "never": break
        case let text:
            guard let count = Int(text.dropLast()), let unit = ["d": 86400, "h": 3600, "y": 31_536_000][text.suffix(1)] else {
                throw AccountRefusal.invalid("invalid --exp \"\(text)\": use 30d, 1y or never")
            }
            ends = now + count * unit
        }
        let label = call.value("label") ?? register.freeName("api-key")
        let token = try changeKeys { register throws(AccountRefusal) in
            register.generate(label: label, cmds: cmds, ends: ends, tag: scope.tag, vm: scope.vm)
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

    package func key(line: String) -> (fingerprint: String, tag: String?, isOfVM: Bool)? {
        register.key(line: line).map { ($0.fingerprint, $0.tag, $0.vm != nil) }
    }

    /// Those that log in to the lobby.
    package var logins: [KeyRegister.Login] { register.logins }

    /// Of who logged in to the lobby over SSH: all that the key may.
    package func principal(login fingerprint: String) -> Principal? {
        register.logins.first { $0.fingerprint == fingerprint }.map { Principal(permissions: nil, tag: $0.tag, key: fingerprint) }
    }

    /// Of an `exe1` token for `/exec`.
    package func principal(exe1 text: String, now: Int) -> Principal? {
        guard let token = register.issued(text, at: now), token.namespace == SignedToken.lobby else { return nil }
        let permissions = token.permissions.flatMap { try? Permissions(Data($0.utf8)) }
        return Principal(permissions: permissions, tag: token.tag, key: token.fingerprint)
    }
}
