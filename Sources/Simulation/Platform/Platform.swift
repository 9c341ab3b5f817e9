import Foundation

/// exe.dev's lobby: command lines in, JSON out. What they do is ``Account``'s, what runs the VMs is behind ``Machines``.
package actor Platform {
    package typealias State = Account<VirtualMachine>

    package struct Owner: Sendable {
        var email: String
        var publicKey: String
        /// What the HTTPS proxy tells VMs, of the owner and of others.
        static func userID(of email: String) -> String {
            "usr" + email.utf8.reduce(0) { ($0 &* 31 &+ UInt64($1)) % 1_000_000_007 }.description
        }

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
    /// The fingerprint of the key that sends it.
    @TaskLocal static var sender: String?
    private let foreignNames: @Sendable () -> Set<String>
    private let save: @Sendable (State) throws -> Void
    /// The names of the world outside that are aliases, and what for.
    let dns: @Sendable () -> [String: String]
    /// Seconds since 1970.
    let now: @Sendable () -> Double
    /// Of each VM by its index, the oldest first.
    var samples: [Int: [Sample]] = [:]

    package init(
        _ state: State, machines: any Machines, sshPort: Int, owner: Owner, keys: KeyRegister? = nil,
        foreignNames: @escaping @Sendable () -> Set<String>, dns: @escaping @Sendable () -> [String: String] = { [:] },
        now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }, save: @escaping @Sendable (State) throws -> Void,
        saveKeys: @escaping @Sendable (KeyRegister) throws -> Void = { _ in }
    ) {
        (self.dns, self.now) = (dns, now)
        (register, self.saveKeys) = (keys ?? KeyRegister(owner: owner.publicKey), saveKeys)
        account = state
        self.machines = machines
        self.sshPort = sshPort
        self.owner = owner
        self.foreignNames = foreignNames
        self.save = save
    }

    /// What the command line in `words` answers. `tag`: of the tag-scoped key that sends it. `key`: its fingerprint; nil is the owner's.
    package func run(_ words: [String], tag: String? = nil, key: String? = nil) async -> Reply {
        await Self.$sender.withValue(key) { await Self.$scope.withValue(tag) { await run(words) } }
    }

    private func run(_ words: [String]) async -> Reply {
        do {
            guard let call = try Invocation(words) else { return .failure(404, "unknown command") }
            if call.has("help"), let usage = CommandUsage.all[call.path] { return .json(usage.help(of: call.path)) }
            if Self.scope != nil, call.path == "tag" { return .failure(403, "a tag-scoped key cannot change tags") }
            return try await answer(call)
        } catch let refusal as AccountRefusal {
            return .failure(422, refusal.text)
        } catch {
            return .failure(500, "internal error")
        }
    }

    /// Boots what ran when the simulator ended; ends what was being removed then. A machine that still runs is left as it is, and one that is paused
    /// and lost its memory meanwhile boots when it is resumed.
    package func resume() async {
        for vm in account.hosts {
            try? await machines.create(vm, from: .image(setup: nil), keys: keys(of: vm))
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
        switch call.path.split(separator: " ").first {
        case "share": .json(try await share(call))
        case "domain": .json(try domains(call))
        case "ssh-key", "exe0-to-exe1": .json(try await keys(call))
        case "defaults", "invite", "team": try preferences(call)
        case "pool": .json(try pools(call))
        case "integrations": .json(try integrations(call))
        default:
            if let machine = try await answerOfMachine(call) { machine } else { try await other(call) }
        }
    }

    /// Nil for a command that is about no machine.
    private func answerOfMachine(_ call: Invocation) async throws -> Reply? {
        switch call.path {
        case "ls": .json(try list(call))
        case "new": .json(try await create(call))
        case "cp": .json(try await copy(call))
        case "rm": try await remove(call.words)
        case "rename": .json(try await rename(call))
        case "resize": .json(try resize(call))
        case "restart": .json(try await restart(call))
        case "pause": .json(try await pause(call))
        case "resume": .json(try await unpause(call))
        case "tag": .json(try await tag(call))
        case "comment": .json(try comment(call))
        case "stat": .json(try stat(call))
        case "egress": .json(try egress(call))
        case "vm-logs": .text(await machines.console(of: try named(call.words.first)))
        case "grant-support-root": try grantSupport(call)
        case "shelley install": .json(try await installShelley(call))
        default: nil
        }
    }

    func named(_ name: String?) throws(AccountRefusal) -> VirtualMachine {
        guard let name else { throw .invalid("usage: a VM name is missing") }
        let vm = account.hosts[try account.find(name)]
        guard isVisible(vm) else { throw .notFound(name) }
        return vm
    }

    func usage(_ call: Invocation) -> AccountRefusal { .invalid("usage: \(CommandUsage.all[call.path]?.usage ?? call.path)") }

    /// A word that the command needs.
    func operand(_ call: Invocation, _ place: Int) throws(AccountRefusal) -> String {
        guard call.words.count > place else { throw usage(call) }
        return call.words[place]
    }

    /// The time as answers tell it.
    var stamp: String { Date(timeIntervalSince1970: now()).ISO8601Format() }

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
