import Foundation

/// exe.dev's lobby: command lines in, JSON out. What they do is ``Account``'s, what runs the VMs is behind ``Machines``.
package actor Platform {
    static let commands: Set<String> = [
        "ls", "new", "rm", "restart", "tag", "comment", "whoami", "share show", "share port", "share set-public", "share set-private",
        "share add", "share remove", "stat", "help", "pause", "resume",
    ]

    package typealias State = Account<VirtualMachine>

    package struct Owner: Sendable {
        var email: String
        var publicKey: String
        package init(email: String, publicKey: String) {
            self.email = email
            self.publicKey = publicKey
        }
    }

    private(set) var account: State
    let machines: any Machines
    let sshPort: Int
    private let owner: Owner
    private let foreignNames: @Sendable () -> Set<String>
    private let save: @Sendable (State) throws -> Void

    package init(
        _ state: State, machines: any Machines, sshPort: Int, owner: Owner, foreignNames: @escaping @Sendable () -> Set<String>,
        save: @escaping @Sendable (State) throws -> Void
    ) {
        account = state
        self.machines = machines
        self.sshPort = sshPort
        self.owner = owner
        self.foreignNames = foreignNames
        self.save = save
    }

    /// What the command line in `words` answers.
    package func run(_ words: [String]) async -> Reply {
        guard let invocation = Invocation(words, commands: Platform.commands) else {
            return .failure(404, "unknown command")
        }
        do {
            return try await answer(invocation)
        } catch let refusal as AccountRefusal {
            return .failure(422, refusal.text)
        } catch {
            return .failure(500, "internal error")
        }
    }

    /// Boots what ran when the simulator ended. A machine that still runs is left as it is.
    package func resume() async {
        for vm in account.hosts { try? await machines.create(vm) }
    }

    package func vm(at address: String) -> VirtualMachine? { account.hosts.first { $0.address == address } }

    package func noteJoined(_ name: String) throws {
        try change { account throws(AccountRefusal) in account.hosts[try account.find(name)].joinedTailnet = true }
    }

    private func answer(_ call: Invocation) async throws -> Reply {
        switch call.path {
        case "ls": return .json(try list(call))
        case "new": return .json(try await create(call))
        case "rm": return try await remove(call.words)
        case "restart": return .json(try await restart(call))
        case "tag": return .json(try tag(call))
        case "comment": return .json(try comment(call))
        case "whoami": return .json(whoami())
        case "stat":
            let vm = try named(call.words.first)
            return .json(.object([("name", .string(vm.name)), ("status", "running"), ("range", "24h"), ("points", .null)]))
        case "help":
            return Reply(status: 200, headers: ["Content-Type": "text/plain"], body: Platform.commands.sorted().joined(separator: "\n"))
        case "pause", "resume": throw AccountRefusal.invalid("\(call.path) is not available for this VM")
        default: return .json(try await share(call))
        }
    }

    private func whoami() -> JSON {
        let key = JSON.object([("name", "simulator"), ("public_key", .string(owner.publicKey)), ("current", true)])
        return .object([
            ("email", .string(owner.email)), ("region", "lax"), ("region_display", "Los Angeles, USA"), ("ssh_keys", .list([key])),
        ])
    }

    func named(_ name: String?) throws(AccountRefusal) -> VirtualMachine {
        guard let name else { throw .invalid("usage: a VM name is missing") }
        return account.hosts[try account.find(name)]
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
