import Foundation
import K3s

extension Platform {
    /// A plain name also matches every VM whose name starts with it; a missing VM is an empty list (SDK 0.4.0).
    func list(_ call: Invocation) throws -> JSON {
        let rows = account.hosts.filter(isVisible).filter { vm in call.words.first.map { Platform.matches(vm.name, pattern: $0) } ?? true }
        return .object([("vms", .list(rows.map { row($0, long: call.has("l")) }))])
    }

    static func matches(_ name: String, pattern: String) -> Bool {
        fnmatch(pattern, name, 0) == 0 || (!pattern.contains("*") && !pattern.contains("?") && name.hasPrefix(pattern))
    }

    private func row(_ vm: VirtualMachine, long: Bool) -> JSON {
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))] + destination(of: vm)
        fields.append(("https_url", .string("https://\(vm.name).exe.xyz")))
        fields.append(("status", .string(vm.status(at: Date().timeIntervalSince1970).rawValue)))
        fields += [("region", .string(region)), ("region_display", .string(Self.regions[region] ?? region))]
        if !vm.tags.isEmpty { fields.append(("tags", .strings(vm.tags))) }
        if !vm.comment.isEmpty { fields.append(("comment", .string(vm.comment))) }
        fields += [("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.make.egress))]
        if long { fields += [("image", .string(vm.make.image)), ("proxy_port", .number(vm.port))] + sizes(of: vm) }
        return .object(fields)
    }

    /// Every third VM is described only by `ssh_dest` and `ssh_user`: clients must not rely on `ssh_host` (doc:api).
    private func destination(of vm: VirtualMachine) -> [(String, JSON)] {
        if vm.index % 3 == 2 {
            return [("ssh_dest", .string("exedev@\(vm.sshAddress)")), ("ssh_user", "exedev")]
        }
        return [("ssh_dest", .string(vm.sshAddress)), ("ssh_host", .string(vm.sshAddress))]
    }

    func create(_ call: Invocation) async throws -> JSON {
        try check(call)
        let new = Self.new(call)
        let vm = try change { account throws(AccountRefusal) in
            try account.create(new, createdAt: { _ in Date().ISO8601Format() }, host: { $0 })
        }
        do {
            try await machines.create(vm)
        } catch {
            try change { account throws(AccountRefusal) in account.remove(vm.name) }
            throw AccountRefusal.invalid("failed to create VM")
        }
        try change { account throws(AccountRefusal) in
            account.hosts[try account.find(vm.name)].runs(from: Date().timeIntervalSince1970)
        }
        return created(vm)
    }

    private static func new(_ call: Invocation) -> NewVM {
        let name = call.value("name") ?? call.words.first ?? "box-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        var make = VirtualMachine.Make()
        make.image = call.value("image") ?? make.image
        make.cpu = call.value("cpu") ?? make.cpu
        make.memory = call.value("memory") ?? make.memory
        make.disk = call.value("disk") ?? make.disk
        make.egress = call.value("egress") ?? make.egress
        let tags = call.values("tag").flatMap { $0.split(separator: ",").map(String.init) }
        return NewVM(
            name: name, tags: tags + (Platform.scope.map { tags.contains($0) ? [] : [$0] } ?? []), comment: call.value("comment") ?? "",
            make: make)
    }

    private func check(_ call: Invocation) throws(AccountRefusal) {
        if (call.value("setup-script") ?? "").utf8.count > 10240 { throw .invalid("setup script is longer than 10 KiB") }
        for pair in call.values("env") where !pair.contains("=") { throw .invalid("--env needs KEY=VALUE") }
        if let cpu = call.value("cpu"), (Int(cpu) ?? 0) < 1 { throw .invalid("invalid --cpu") }
        for size in [call.value("memory"), call.value("disk")].compactMap({ $0 })
        where size.wholeMatch(of: /[1-9][0-9]*(G|GB|M|MB)?/) == nil {
            throw .invalid("invalid size \"\(size)\"")
        }
    }

    /// No status here, and a port that `ls` does not give (types.py `NewResponse`).
    private func created(_ vm: VirtualMachine) -> JSON {
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))]
        if !vm.tags.isEmpty { fields.append(("tags", .strings(vm.tags))) }
        fields.append(("ssh_command", .string("ssh -p \(sshPort) exedev@\(vm.sshAddress)")))
        fields += destination(of: vm)
        fields += [("ssh_port", .number(sshPort)), ("https_url", .string("https://\(vm.name).exe.xyz")), ("proxy_port", .number(vm.port))]
        if !vm.comment.isEmpty { fields.append(("comment", .string(vm.comment))) }
        fields += [("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.make.egress))]
        return .object(fields)
    }

    /// 200 even when every VM failed; failures come as lines of their own before the summary (SDK integration tests).
    func remove(_ names: [String]) async throws -> Reply {
        guard !names.isEmpty else { throw AccountRefusal.invalid("usage: rm <vm>...") }
        var deleted: [String] = []
        var missing: [String] = []
        for name in names {
            guard account.place(of: name).map({ isVisible(account.hosts[$0]) }) ?? true,
                let vm = try change({ account throws(AccountRefusal) in account.remove(name) })
            else {
                missing.append(name)
                continue
            }
            await machines.remove(vm)
            deleted.append(name)
        }
        var summary: [(String, JSON)] = [("deleted", .strings(deleted)), ("failed", .strings(missing))]
        guard !missing.isEmpty else { return .json(.object(summary)) }
        summary.append(("not_found", .strings(missing)))
        summary.append(("errors", .object(missing.map { ($0, "not found") })))
        return .lines(missing.map { .object([("error", .string(AccountRefusal.notFound($0).text))]) } + [.object(summary)])
    }

    func restart(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        _ = try change { account throws(AccountRefusal) in
            try account.restart(vm.name, now: Date().timeIntervalSince1970, listedAfter: 0)
        }
        await machines.restart(vm)
        return .object([("status", "restarted"), ("vm_name", .string(vm.name))])
    }

    func pause(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        try change { account throws(AccountRefusal) in try account.pause(vm.name, now: Date().timeIntervalSince1970) }
        await machines.pause(vm)
        return .object([("vm_name", .string(vm.name)), ("status", "paused")])
    }

    /// `cold_booted` is a text; "true" would mean that the machine had lost its memory.
    func unpause(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        try change { account throws(AccountRefusal) in try account.resume(vm.name) }
        await machines.resume(vm)
        return .object([("vm_name", .string(vm.name)), ("status", "running"), ("cold_booted", "false")])
    }

    /// `points` is null, as for a new VM.
    func stat(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let range = call.value("range") ?? "24h"
        guard ["24h", "7d", "30d"].contains(range) else { throw AccountRefusal.invalid("invalid range \"\(range)\": use 24h, 7d or 30d") }
        let status = vm.status(at: Date().timeIntervalSince1970).rawValue
        return .object([("name", .string(vm.name)), ("status", .string(status)), ("range", .string(range)), ("points", .null)])
    }

    func tag(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let tags = Array(call.words.dropFirst())
        guard !tags.isEmpty else { throw AccountRefusal.invalid("usage: tag [-d] <vm> <tag>...") }
        let after = try change { account throws(AccountRefusal) in try account.tag(vm.name, tags, removing: call.has("d")) }
        return .object([("vm_name", .string(vm.name)), ("tags", .strings(after))])
    }

    func comment(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let text = call.words.dropFirst().joined(separator: " ")
        try change { account throws(AccountRefusal) in try account.comment(vm.name, text) }
        return .object([("vm_name", .string(vm.name)), ("comment", .string(text))])
    }

    func share(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        let isReachable = await machines.answersSSH(vm)
        let argument = call.words.dropFirst().first
        func after(_ changes: [Sharing]) throws -> VirtualMachine {
            try change { account throws(AccountRefusal) in try account.share(vm.name, changes, isReachable: isReachable) }
        }
        switch call.path {
        case "share port":
            guard let argument else { return shared(try after([]), status: nil) }
            guard let port = Int(argument) else { throw AccountRefusal.invalid("invalid port \"\(argument)\"") }
            return shared(try after([.port(port)]), status: "updated")
        case "share set-public", "share set-private":
            return shared(try after([.isPublic(call.path == "share set-public")]), status: "updated")
        case "share add", "share remove":
            guard let person = argument?.lowercased() else { throw AccountRefusal.invalid("usage: share add <vm> <email>") }
            let isAdded = call.path == "share add"
            return sharedWith(person, try after([isAdded ? .add(person) : .remove(person)]), isAdded, root: call.has("root"))
        default:
            return shown(try after([]))
        }
    }

    private func shared(_ vm: VirtualMachine, status: String?) -> JSON {
        var fields: [(String, JSON)] = [
            ("vm_name", .string(vm.name)), ("port", .number(vm.port)), ("share", vm.isPublic ? "public" : "private"),
        ]
        if let status { fields += [("status", .string(status)), ("team_access", false), ("team_ssh", false), ("team_shelley", false)] }
        return .object(fields)
    }

    private func sharedWith(_ person: String, _ vm: VirtualMachine, _ isAdded: Bool, root: Bool) -> JSON {
        let name = ("vm_name", JSON.string(vm.name))
        guard isAdded else { return .object([("status", "success"), name, ("message", "removed")]) }
        guard !root else { return .object([("status", "updated"), name, ("shared_with", .string(person)), ("share_level", "root")]) }
        let url = JSON.string("https://\(vm.name).exe.xyz")
        return .object([("status", "success"), name, ("shared_with", .string(person)), ("url", url), ("message", "")])
    }

    private func shown(_ vm: VirtualMachine) -> JSON {
        let users = vm.sharedWith.map {
            JSON.object([("email", .string($0)), ("status", "pending"), ("invited_at", .string(vm.createdAt)), ("share_level", "web")])
        }
        return .object([
            ("vm_name", .string(vm.name)), ("status", vm.isPublic ? "public" : "private"), ("port", .number(vm.port)),
            ("url", .string("https://\(vm.name).exe.xyz")), ("users", .list(users)), ("links", .list([])), ("teams", .list([])),
            ("team_access", false), ("team_ssh", false), ("team_shelley", false),
        ])
    }
}
