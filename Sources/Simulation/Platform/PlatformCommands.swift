import Foundation

extension Platform {
    /// A plain name also matches every VM whose name starts with it; a missing VM is an empty list (SDK 0.4.0).
    func list(_ call: Invocation) throws -> JSON {
        let rows = state.vms.filter { vm in call.words.first.map { Platform.matches(vm.name, pattern: $0) } ?? true }
        return .object([("vms", .list(rows.map { row($0, long: call.has("l")) }))])
    }

    static func matches(_ name: String, pattern: String) -> Bool {
        fnmatch(pattern, name, 0) == 0 || (!pattern.contains("*") && !pattern.contains("?") && name.hasPrefix(pattern))
    }

    private func row(_ vm: VirtualMachine, long: Bool) -> JSON {
        var fields: [(String, JSON)] = [("vm_name", .string(vm.name))] + destination(of: vm)
        fields.append(("https_url", .string("https://\(vm.name).exe.xyz")))
        fields.append(("status", vm.isStarted ? "running" : "starting"))
        fields += [("region", "lax"), ("region_display", "Los Angeles, USA")]
        if !vm.tags.isEmpty { fields.append(("tags", .strings(vm.tags))) }
        if !vm.comment.isEmpty { fields.append(("comment", .string(vm.comment))) }
        fields += [("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.egress))]
        if long { fields += [("image", .string(vm.image)), ("proxy_port", .number(vm.port))] }
        return .object(fields)
    }

    /// Every third VM is described only by `ssh_dest` and `ssh_user`: clients must not rely on `ssh_host` (doc:api).
    private func destination(of vm: VirtualMachine) -> [(String, JSON)] {
        if vm.index % 3 == 2 {
            return [("ssh_dest", .string("exedev@\(vm.sshAddress)")), ("ssh_user", "exedev")]
        }
        return [("ssh_dest", .string(vm.sshAddress)), ("ssh_host", .string(vm.sshAddress))]
    }

    private static let newFlags: Set<String> = [
        "name", "image", "cpu", "memory", "disk", "tag", "env", "setup-script", "comment", "integration", "egress", "pool", "no-pool",
        "standalone", "sandbox", "prompt", "registry-auth", "no-email", "command", "json",
    ]

    func create(_ call: Invocation) async throws -> JSON {
        if let unknown = call.flags.first(where: { !Platform.newFlags.contains($0.name) }) {
            throw CommandFailure("unknown flag: --\(unknown.name)")
        }
        let name = try newName(call)
        try checkNew(call)
        let vm = try insert { index in
            var vm = VirtualMachine(name: name, index: index, createdAt: Date().ISO8601Format())
            vm.tags = call.values("tag").flatMap { $0.split(separator: ",").map(String.init) }
            vm.comment = call.value("comment") ?? ""
            vm.image = call.value("image") ?? vm.image
            vm.cpu = call.value("cpu") ?? vm.cpu
            vm.memory = call.value("memory") ?? vm.memory
            vm.disk = call.value("disk") ?? vm.disk
            vm.egress = call.value("egress") ?? vm.egress
            return vm
        }
        do {
            try await machines.create(vm)
        } catch {
            try forget(name)
            throw CommandFailure("failed to create VM")
        }
        return created(try update(name) { $0.isStarted = true } ?? vm)
    }

    private func newName(_ call: Invocation) throws -> String {
        let name = call.value("name") ?? call.words.first ?? "box-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        guard VirtualMachine.isName(name) else {
            throw CommandFailure(
                "invalid VM name: 5-52 characters: start with a lowercase letter, then lowercase letters or digits, "
                    + "with optional single hyphen separators")
        }
        guard !isTaken(name) else { throw CommandFailure("VM name \"\(name)\" is not available") }
        return name
    }

    private func checkNew(_ call: Invocation) throws {
        for tag in call.values("tag").flatMap({ $0.split(separator: ",") }) where !VirtualMachine.isTag(String(tag)) {
            throw CommandFailure("invalid tag \"\(tag)\"")
        }
        if (call.value("comment") ?? "").utf8.count > 200 { throw CommandFailure("comment is longer than 200 bytes") }
        if (call.value("setup-script") ?? "").utf8.count > 10240 { throw CommandFailure("setup script is longer than 10 KiB") }
        for pair in call.values("env") where !pair.contains("=") { throw CommandFailure("--env needs KEY=VALUE") }
        if let cpu = call.value("cpu"), (Int(cpu) ?? 0) < 1 { throw CommandFailure("invalid --cpu") }
        for size in [call.value("memory"), call.value("disk")].compactMap({ $0 })
        where size.wholeMatch(of: /[1-9][0-9]*(G|GB|M|MB)?/) == nil {
            throw CommandFailure("invalid size \"\(size)\"")
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
        fields += [("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.egress))]
        return .object(fields)
    }

    /// 200 even when every VM failed; failures come as lines of their own before the summary (SDK integration tests).
    func remove(_ names: [String]) async throws -> Reply {
        guard !names.isEmpty else { throw CommandFailure("usage: rm <vm>...") }
        var deleted: [String] = []
        var missing: [String] = []
        for name in names {
            guard let vm = state.vms.first(where: { $0.name == name }) else {
                missing.append(name)
                continue
            }
            try forget(name)
            await machines.remove(vm)
            deleted.append(name)
        }
        var summary: [(String, JSON)] = [("deleted", .strings(deleted)), ("failed", .strings(missing))]
        guard !missing.isEmpty else { return .json(.object(summary)) }
        summary.append(("not_found", .strings(missing)))
        summary.append(("errors", .object(missing.map { ($0, "not found") })))
        return .lines(missing.map { .object([("error", .string(CommandFailure.notFound($0).text))]) } + [.object(summary)])
    }

    func restart(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        await machines.restart(vm)
        return .object([("status", "restarted"), ("vm_name", .string(vm.name))])
    }

    func tag(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let tags = Array(call.words.dropFirst())
        guard !tags.isEmpty else { throw CommandFailure("usage: tag [-d] <vm> <tag>...") }
        if let bad = tags.first(where: { !VirtualMachine.isTag($0) }) { throw CommandFailure("invalid tag \"\(bad)\"") }
        let after = try update(vm.name) { vm in
            vm.tags.removeAll { tags.contains($0) }
            if !call.has("d") { vm.tags += tags }
        }
        return .object([("vm_name", .string(vm.name)), ("tags", .strings(after?.tags ?? []))])
    }

    func comment(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        let text = call.words.dropFirst().joined(separator: " ")
        guard text.utf8.count <= 200 else { throw CommandFailure("comment is longer than 200 bytes") }
        try update(vm.name) { $0.comment = text }
        return .object([("vm_name", .string(vm.name)), ("comment", .string(text))])
    }

    /// Share commands reach into the VM, so they fail until its sshd answers (pulumi, 2026-07).
    func share(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        guard await machines.answersSSH(vm) else { throw CommandFailure("failed to connect to VM: connection refused") }
        let argument = call.words.dropFirst().first
        switch call.path {
        case "share port":
            guard let argument else { return shared(vm, status: nil) }
            guard let port = Int(argument), (1...65535).contains(port) else { throw CommandFailure("invalid port \"\(argument)\"") }
            return shared(try update(vm.name) { $0.port = port } ?? vm, status: "updated")
        case "share set-public", "share set-private":
            return shared(try update(vm.name) { $0.isPublic = call.path == "share set-public" } ?? vm, status: "updated")
        case "share add", "share remove":
            return try shareWith(argument, vm, adding: call.path == "share add", root: call.has("root"))
        default:
            return shown(vm)
        }
    }

    private func shared(_ vm: VirtualMachine, status: String?) -> JSON {
        var fields: [(String, JSON)] = [
            ("vm_name", .string(vm.name)), ("port", .number(vm.port)), ("share", vm.isPublic ? "public" : "private"),
        ]
        if let status { fields += [("status", .string(status)), ("team_access", false), ("team_ssh", false), ("team_shelley", false)] }
        return .object(fields)
    }

    private func shareWith(_ person: String?, _ vm: VirtualMachine, adding: Bool, root: Bool) throws -> JSON {
        // As mail systems do; nothing public says whether exe.dev does.
        guard let person = person?.lowercased() else { throw CommandFailure("usage: share add <vm> <email>") }
        try update(vm.name) { vm in
            vm.sharedWith.removeAll { $0 == person }
            if adding { vm.sharedWith.append(person) }
        }
        let name = ("vm_name", JSON.string(vm.name))
        guard adding else { return .object([("status", "success"), name, ("message", "removed")]) }
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
