import Foundation

/// exe.dev's lobby: the VM table and its commands. What runs the VMs is behind ``Machines``.
package actor Platform {
    static let commands: Set<String> = [
        "ls", "new", "rm", "restart", "tag", "comment", "whoami", "share show", "share port", "share set-public", "share set-private",
        "share add", "share remove", "stat", "help", "pause", "resume",
    ]

    package struct State: Codable, Sendable {
        package var nextIndex = 0
        package var vms: [VirtualMachine] = []
        package init() {}
    }

    package struct Owner: Sendable {
        var email: String
        var publicKey: String
        package init(email: String, publicKey: String) {
            self.email = email
            self.publicKey = publicKey
        }
    }

    var state: State
    let machines: any Machines
    let sshPort: Int
    private let owner: Owner
    private let foreignNames: @Sendable () -> Set<String>
    private let save: @Sendable (State) throws -> Void

    package init(
        _ state: State, machines: any Machines, sshPort: Int, owner: Owner, foreignNames: @escaping @Sendable () -> Set<String>,
        save: @escaping @Sendable (State) throws -> Void
    ) {
        self.state = state
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
        } catch let failure as CommandFailure {
            return .failure(422, failure.text)
        } catch {
            return .failure(500, "internal error")
        }
    }

    /// Boots what ran when the simulator ended. A machine that still runs is left as it is.
    package func resume() async {
        for vm in state.vms { try? await machines.create(vm) }
    }

    package func vm(at address: String) -> VirtualMachine? { state.vms.first { $0.address == address } }

    package func noteJoined(_ name: String) throws { try update(name) { $0.joinedTailnet = true } }

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
        case "pause", "resume": throw CommandFailure("\(call.path) is not available for this VM")
        default: return .json(try await share(call))
        }
    }

    private func whoami() -> JSON {
        let key = JSON.object([("name", "simulator"), ("public_key", .string(owner.publicKey)), ("current", true)])
        return .object([
            ("email", .string(owner.email)), ("region", "lax"), ("region_display", "Los Angeles, USA"), ("ssh_keys", .list([key])),
        ])
    }

    func named(_ name: String?) throws -> VirtualMachine {
        guard let name else { throw CommandFailure("usage: a VM name is missing") }
        guard let vm = state.vms.first(where: { $0.name == name }) else { throw CommandFailure.notFound(name) }
        return vm
    }

    @discardableResult
    func update(_ name: String, _ change: (inout VirtualMachine) -> Void) throws -> VirtualMachine? {
        guard let place = state.vms.firstIndex(where: { $0.name == name }) else { return nil }
        change(&state.vms[place])
        try save(state)
        return state.vms[place]
    }

    func isTaken(_ name: String) -> Bool {
        state.vms.contains { $0.name == name } || foreignNames().contains(name)
    }

    func insert(_ make: (Int) -> VirtualMachine) throws -> VirtualMachine {
        let vm = make(state.nextIndex)
        state.nextIndex += 1
        state.vms.append(vm)
        try save(state)
        return vm
    }

    func forget(_ name: String) throws {
        state.vms.removeAll { $0.name == name }
        try save(state)
    }
}
