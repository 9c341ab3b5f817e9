import Foundation

/// exe.dev's lobby: command lines in, JSON out. What they do is ``Account``'s, what runs the VMs is behind ``Machines``.
package actor Platform {
    package typealias State = Account<VirtualMachine>

    package struct Owner: Sendable {
        var email: String
        var publicKey: String
        /// What the HTTPS proxy tells VMs.
        var userID: String { "usr" + email.utf8.reduce(0) { ($0 &* 31 &+ UInt64($1)) % 1_000_000_007 }.description }

        package init(email: String, publicKey: String) {
            self.email = email
            self.publicKey = publicKey
        }
    }

    private(set) var account: State
    let machines: any Machines
    let sshPort: Int
    let owner: Owner
    private(set) var register: KeyRegister
    private let saveKeys: @Sendable (KeyRegister) throws -> Void
    /// Of a tag-scoped key that sends the command under way: other VMs are not there for it.
    @TaskLocal static var scope: String?
    private let foreignNames: @Sendable () -> Set<String>
    private let save: @Sendable (State) throws -> Void

    package init(
        _ state: State, machines: any Machines, sshPort: Int, owner: Owner, keys: KeyRegister? = nil,
        foreignNames: @escaping @Sendable () -> Set<String>, save: @escaping @Sendable (State) throws -> Void,
        saveKeys: @escaping @Sendable (KeyRegister) throws -> Void = { _ in }
    ) {
        (register, self.saveKeys) = (keys ?? KeyRegister(owner: owner.publicKey), saveKeys)
        account = state
        self.machines = machines
        self.sshPort = sshPort
        self.owner = owner
        self.foreignNames = foreignNames
        self.save = save
    }

    /// What the command line in `words` answers; `tag`: of the tag-scoped key that sends it.
    package func run(_ words: [String], tag: String? = nil) async -> Reply {
        await Self.$scope.withValue(tag) { await run(words) }
    }

    private func run(_ words: [String]) async -> Reply {
        do {
            guard let call = try Invocation(words) else { return .failure(404, "unknown command") }
            if Self.scope != nil, call.path == "tag" { return .failure(403, "a tag-scoped key cannot change tags") }
            if call.has("help"), let usage = CommandUsage.all[call.path] { return .json(usage.help(of: call.path)) }
            return try await answer(call)
        } catch let refusal as AccountRefusal {
            return .failure(422, refusal.text)
        } catch {
            return .failure(500, "internal error")
        }
    }

    /// Boots what ran when the simulator ended; ends what was being removed then. A machine that still runs is left as it is.
    package func resume() async {
        for vm in account.hosts {
            try? await machines.create(vm)
            if vm.isPaused { await machines.pause(vm) }
        }
        await machines.end(allBut: account.hosts)
    }

    package func vm(at address: String) -> VirtualMachine? { account.hosts.first { $0.address == address } }

    /// The name of its device.
    package func noteJoined(_ name: String) throws -> String {
        try change { account throws(AccountRefusal) in
            let place = try account.find(name)
            account.hosts[place].joinedTailnet = true
            return account.join(account.hosts[place])
        }
    }

    package func noteLoggedOut(_ name: String) throws {
        try change { account throws(AccountRefusal) in
            let place = try account.find(name)
            account.hosts[place].joinedTailnet = false
            account.logOut(account.hosts[place])
        }
    }

    private func answer(_ call: Invocation) async throws -> Reply {
        switch call.path {
        case "ls": return .json(try list(call))
        case "new": return .json(try await create(call))
        case "rm": return try await remove(call.words)
        case "resize": return .json(try resize(call))
        case "restart": return .json(try await restart(call))
        case "tag": return .json(try tag(call))
        case "comment": return .json(try comment(call))
        case "whoami": return .json(whoami())
        case "stat": return .json(try stat(call))
        case "help":
            return Reply(status: 200, headers: ["Content-Type": "text/plain"], body: CommandUsage.all.keys.sorted().joined(separator: "\n"))
        case "pause": return .json(try await pause(call))
        case "resume": return .json(try await unpause(call))
        case "exe0-to-exe1": return .json(try keys(call))
        case let path where path.hasPrefix("ssh-key "): return .json(try keys(call))
        case let path where !path.hasPrefix("share "): return try await other(call)
        default: return .json(try await share(call))
        }
    }

    private func whoami() -> JSON {
        return .object([
            ("email", .string(owner.email)), ("region", .string(region)), ("region_display", .string(Self.regions[region] ?? region)),
            ("ssh_keys", .list(register.keys.map(row))),
        ])
    }

    func named(_ name: String?) throws(AccountRefusal) -> VirtualMachine {
        guard let name else { throw .invalid("usage: a VM name is missing") }
        let vm = account.hosts[try account.find(name)]
        guard isVisible(vm) else { throw .notFound(name) }
        return vm
    }

    func isVisible(_ vm: VirtualMachine) -> Bool { Self.scope.map(vm.tags.contains) ?? true }

    /// What `body` does to keys and tokens, on disk when this returns.
    @discardableResult
    func changeKeys<Value>(_ body: (inout KeyRegister) throws(AccountRefusal) -> Value) throws -> Value {
        let value = try body(&register)
        try saveKeys(register)
        return value
    }

    /// What `body` does, on disk when this returns.
    @discardableResult
    func change<Value>(_ body: (inout State) throws(AccountRefusal) -> Value) throws -> Value {
        account.foreignNames = foreignNames()
        let value = try body(&account)
        try save(account)
        return value
    }
}
