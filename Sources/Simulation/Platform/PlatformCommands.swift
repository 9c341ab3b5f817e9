import Foundation
import K3s

extension Platform {
    /// A plain name also matches every VM whose name starts with it; a missing VM is an empty list (SDK 0.4.0).
    func list(_ call: Invocation) throws -> JSON {
        if let group = call.value("group"), !["none", "tag", "region", "type", "user", "access"].contains(group) { throw usage(call) }
        let rows = account.hosts.filter(isVisible).filter { vm in call.words.first.map { Platform.matches(vm.name, pattern: $0) } ?? true }
        return .object([("vms", .list(rows.map { row($0, long: call.has("l")) }))])
    }

    static func matches(_ name: String, pattern: String) -> Bool {
        fnmatch(pattern, name, 0) == 0 || (!pattern.contains("*") && !pattern.contains("?") && name.hasPrefix(pattern))
    }

    private func row(_ vm: VirtualMachine, long: Bool) -> JSON {
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))] + destination(of: vm)
        fields.append(("https_url", .string(Self.url(vm))))
        fields.append(("status", .string(vm.status(at: now()).rawValue)))
        let region = vm.region ?? Self.firstRegion
        fields += [("region", .string(region)), ("region_display", .string(Self.regions[region] ?? region))]
        if !vm.tags.isEmpty { fields.append(("tags", .strings(vm.tags))) }
        if !vm.comment.isEmpty { fields.append(("comment", .string(vm.comment))) }
        fields += [("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.make.egress))]
        guard long else { return .object(fields) }
        fields += [
            ("image", .string(vm.make.image)), ("proxy_port", .number(vm.port)), ("proxy_share", vm.isPublic ? "public" : "private"),
            ("domains", .strings(vm.access.domains.map(\.name))), ("email_receive_enabled", .bool(vm.access.receivesEmail)),
        ]
        return .object(fields + sizes(of: vm))
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
        return created(try await make(Self.new(call), from: .image(setup: setupScript(of: call)), pool: call.value("pool")))
    }

    /// It may be renamed while its machine is made.
    private func make(_ new: NewVM, from origin: MachineOrigin, pool: String?) async throws -> VirtualMachine {
        let time = stamp
        let vm = try change { account throws(AccountRefusal) in
            // Nothing of it stays if the pool does not take it.
            var next = account
            var vm = try next.create(new, createdAt: { _ in time }, host: { $0 })
            if let pool {
                try next.preferences.move(vm.index, into: pool)
                vm.region = next.preferences.pools[try next.preferences.pool(pool)].region
                if let place = next.place(index: vm.index) { next.hosts[place] = vm }
            }
            account = next
            return vm
        }
        do {
            try await machines.create(vm, from: origin, keys: keys(of: vm))
        } catch {
            try change { account throws(AccountRefusal) in
                if let place = account.place(index: vm.index) { account.hosts.remove(at: place) }
            }
            throw AccountRefusal.invalid("failed to create VM")
        }
        let began = now()
        guard let place = account.place(index: vm.index) else {
            // Removed while it was made: that it came before this machine is not certain.
            await machines.remove(vm)
            throw AccountRefusal.notFound(vm.name)
        }
        return try change { account throws(AccountRefusal) in
            account.hosts[place].runs(from: began)
            return account.hosts[place]
        }
    }

    /// A new machine with the source's disk as it is; what has not reached it is lost.
    func copy(_ call: Invocation) async throws -> JSON {
        let (source, began) = (try named(call.words.first), now())
        var new = NewVM(name: call.words.dropFirst().first ?? Self.someName(), comment: source.comment, make: source.make.value)
        new.make.cpu = call.value("cpu") ?? new.make.cpu
        new.make.memory = call.value("memory") ?? new.make.memory
        new.make.disk = call.value("disk") ?? new.make.disk
        new.make.egress = call.value("egress") ?? new.make.egress
        let tags = call.value("copy-tags") == "false" ? [] : source.tags
        new.tags = tags + (Self.scope.map { tags.contains($0) ? [] : [$0] } ?? [])
        try Self.check(new.make)
        guard VirtualMachine.bytes(new.make.disk) ?? 0 >= VirtualMachine.bytes(source.make.disk) ?? 0 else {
            throw AccountRefusal.invalid("disk can only grow: it has \(source.make.disk)")
        }
        let vm = try await make(new, from: .copy(of: source), pool: call.value("pool"))
        let ssh = destination(of: vm)
        var fields: [(String, JSON)] = [
            ("name", .string(vm.name)), ("state", "starting"), ("source", .string(source.name)),
            ("ssh", ssh.first?.1 ?? .string(vm.sshAddress)), ("ssh_host", .string(vm.sshAddress)),
        ]
        fields += ssh.filter { $0.0 == "ssh_user" } + [("https_url", .string(Self.url(vm))), ("tags", .strings(vm.tags))]
        if !vm.comment.isEmpty { fields.append(("comment", .string(vm.comment))) }
        fields += [
            ("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.make.egress)), ("elapsed", .decimal(now() - began)),
        ]
        return .object(fields + membership(of: vm))
    }

    private static func someName() -> String { "box-\(String(UInt32.random(in: 0 ... .max), radix: 36))" }

    private static func new(_ call: Invocation) -> NewVM {
        let name = call.value("name") ?? call.words.first ?? someName()
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

    /// Without one of its own the account's default; another image has nothing that would run it (facts/exedev.md §1.2).
    private func setupScript(of call: Invocation) -> String? {
        guard Self.new(call).make.image.hasPrefix("exeuntu") else { return nil }
        let text = call.value("setup-script") ?? account.preferences.defaults["dev.exe"]?["new.setup-script"] ?? ""
        return text.isEmpty ? nil : Self.unescaped(text)
    }

    /// `\n` is a newline and `\\` one backslash, so that clients double theirs.
    private static func unescaped(_ text: String) -> String {
        text.split(separator: #"\\"#, omittingEmptySubsequences: false).map { $0.replacing(#"\n"#, with: "\n") }.joined(separator: #"\"#)
    }

    private func check(_ call: Invocation) throws(AccountRefusal) {
        try checkSetupScript(call.value("setup-script") ?? "")
        for pair in call.values("env") where !pair.contains("=") { throw .invalid("--env needs KEY=VALUE") }
        try Self.check(Self.new(call).make)
    }

    func checkSetupScript(_ text: String) throws(AccountRefusal) {
        if text.utf8.count > 10240 { throw .invalid("setup script is longer than 10 KiB") }
    }

    private static func check(_ make: VirtualMachine.Make) throws(AccountRefusal) {
        if (Int(make.cpu) ?? 0) < 1 { throw .invalid("invalid --cpu") }
        try check(make.memory, "memory", floor: VirtualMachine.leastMemory)
        try check(make.disk, "disk", floor: VirtualMachine.leastDisk)
        // `ls` prints this name, and `new` refuses it (facts/exedev.md §4).
        if make.image == "boldsoftware/exeuntu" { throw .invalid("failed to pull image \"\(make.image)\"") }
        try check(egress: make.egress)
    }

    static func check(_ size: String, _ what: String, floor: String) throws(AccountRefusal) {
        guard let bytes = VirtualMachine.bytes(size) else { throw .invalid("invalid size \"\(size)\"") }
        guard bytes >= VirtualMachine.bytes(floor) ?? 0 else { throw .invalid("invalid --\(what) \"\(size)\": the minimum is \(floor)") }
    }

    static func check(egress policy: String) throws(AccountRefusal) {
        guard ["integrations", "all"].contains(policy) else { throw .invalid("invalid egress policy \"\(policy)\"") }
    }

    /// No status here, and a port that `ls` does not give (types.py `NewResponse`).
    private func created(_ vm: VirtualMachine) -> JSON {
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))]
        fields.append(("tags", .strings(vm.tags)))
        fields.append(("ssh_command", .string("ssh -p \(sshPort) exedev@\(vm.sshAddress)")))
        fields += destination(of: vm)
        fields += [("ssh_port", .number(sshPort)), ("https_url", .string(Self.url(vm))), ("proxy_port", .number(vm.port))]
        if !vm.comment.isEmpty { fields.append(("comment", .string(vm.comment))) }
        fields += [("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.make.egress))]
        return .object(fields + membership(of: vm))
    }

    /// 200 even when every VM failed; failures come as lines of their own before the summary (SDK integration tests).
    func remove(_ names: [String]) async throws -> Reply {
        guard !names.isEmpty else { throw AccountRefusal.invalid("usage: rm <vm>...") }
        var deleted: [String] = []
        var missing: [String] = []
        for name in names {
            guard account.place(of: name).map({ isVisible(account.hosts[$0]) }) ?? true,
                let vm = try change({ account throws(AccountRefusal) in
                    let vm = account.remove(name)
                    if let vm { try account.preferences.move(vm.index, into: nil) }
                    return vm
                })
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
        let time = now()
        _ = try change { account throws(AccountRefusal) in try account.restart(vm.name, now: time, listedAfter: 0) }
        await machines.restart(vm)
        return .object([("status", "restarted"), ("vm_name", .string(vm.name))])
    }

    func pause(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        let time = now()
        try change { account throws(AccountRefusal) in try account.pause(vm.name, now: time) }
        await machines.pause(vm)
        return .object([("vm_name", .string(vm.name)), ("status", "paused")])
    }

    /// `cold_booted` is a text; "true" means that the machine had lost its memory.
    func unpause(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        try change { account throws(AccountRefusal) in try account.resume(vm.name) }
        let isCold = await machines.resume(vm)
        return .object([("vm_name", .string(vm.name)), ("status", "running"), ("cold_booted", isCold ? "true" : "false")])
    }

    /// Its address stays; names, host name and URL change.
    func rename(_ call: Invocation) async throws -> JSON {
        let (old, new) = (try named(call.words.first).name, try operand(call, 1))
        let before = lines(of: try named(old))
        let vm = try change { account throws(AccountRefusal) in try account.rename(old, new) }
        try changeKeys { register throws(AccountRefusal) in register.rename(vm: old, new) }
        await admit(to: vm, unless: before)
        await machines.rename(vm)
        return .object(
            [("status", "renamed"), ("old_name", .string(old)), ("new_name", .string(vm.name))] + destination(of: vm).prefix(1)
                + [("https_url", .string(Self.url(vm)))])
    }

    func tag(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        let tags = Array(call.words.dropFirst())
        guard !tags.isEmpty else { throw usage(call) }
        let before = lines(of: vm)
        let after = try change { account throws(AccountRefusal) in try account.tag(vm.name, tags, removing: call.has("d")) }
        await admit(to: vm, unless: before)
        return .object([("vm_name", .string(vm.name)), ("tags", .strings(after))])
    }

    func comment(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let text = call.words.dropFirst().joined(separator: " ")
        try change { account throws(AccountRefusal) in try account.comment(vm.name, text) }
        return .object([("vm_name", .string(vm.name)), ("comment", .string(text))])
    }
}
